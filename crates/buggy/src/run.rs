//! One case: its inputs by name, and what is computed from them.

use serde_json::Value;

use crate::{Array, Data, How, Tape, Tensor, Tensors, Var};

/// A case that is being computed.
pub struct Run<'a> {
    /// What was computed.
    pub tape: Tape,
    config: &'a Value,
    inputs: &'a Tensors,
    /// Inputs and parameters, by `in/..` and `param/..`.
    pub(crate) leaves: Vec<(String, Var)>,
    pub(crate) acts: Vec<(String, Var)>,
    pub(crate) outs: Vec<(String, Var)>,
    pub(crate) loss: Option<Var>,
    pub(crate) extra: Tensors,
}

impl<'a> Run<'a> {
    /// Nothing yet.
    pub fn new(config: &'a Value, inputs: &'a Tensors, how: How) -> Self {
        let tape = Tape::new(how);
        let (leaves, acts, outs) = (Vec::new(), Vec::new(), Vec::new());
        Run { tape, config, inputs, leaves, acts, outs, loss: None, extra: Tensors::new() }
    }

    /// Whether the case has this array.
    pub fn has(&self, key: &str) -> bool {
        self.inputs.contains_key(key)
    }

    /// A differentiable input.
    ///
    /// # Errors
    /// One line if the case lacks it.
    pub fn input(&mut self, name: &str) -> Result<Var, String> {
        self.variable(&format!("in/{name}"))
    }

    /// A parameter.
    ///
    /// # Errors
    /// One line if the case lacks it.
    pub fn param(&mut self, name: &str) -> Result<Var, String> {
        self.variable(&format!("param/{name}"))
    }

    /// A parameter that a case may lack.
    pub fn maybe(&mut self, name: &str) -> Option<Var> {
        self.param(name).ok()
    }

    fn variable(&mut self, key: &str) -> Result<Var, String> {
        if let Some((_, v)) = self.leaves.iter().find(|(name, _)| name == key) {
            return Ok(*v);
        }
        let array = self.numbers(key)?;
        let v = self.tape.leaf(array);
        self.leaves.push((key.to_string(), v));
        Ok(v)
    }

    fn tensor(&self, key: &str) -> Result<&'a Tensor, String> {
        self.inputs.get(key).ok_or_else(|| format!("the case has no `{key}`"))
    }

    /// Numbers without a gradient.
    ///
    /// # Errors
    /// One line if the case lacks them, or they are not numbers.
    pub fn numbers(&self, key: &str) -> Result<Array, String> {
        let tensor = self.tensor(key)?;
        match &tensor.data {
            Data::F64(x) => Ok(Array::new(&tensor.shape, x.clone())),
            _ => Err(format!("`{key}` does not hold numbers")),
        }
    }

    /// Ids.
    ///
    /// # Errors
    /// One line if the case lacks them, or they are not ids.
    pub fn ids(&self, key: &str) -> Result<(Vec<usize>, Vec<i64>), String> {
        let tensor = self.tensor(key)?;
        match &tensor.data {
            Data::I64(x) => Ok((tensor.shape.clone(), x.clone())),
            _ => Err(format!("`{key}` does not hold ids")),
        }
    }

    /// A mask.
    ///
    /// # Errors
    /// One line if the case lacks it, or it is not a mask.
    pub fn mask(&self, key: &str) -> Result<Vec<bool>, String> {
        match &self.tensor(key)?.data {
            Data::Bool(x) => Ok(x.clone()),
            _ => Err(format!("`{key}` is not a mask")),
        }
    }

    /// A mask that a case may lack.
    pub fn maybe_mask(&self, key: &str) -> Option<Vec<bool>> {
        self.mask(key).ok()
    }

    /// Names an intermediate.
    pub fn act(&mut self, name: &str, v: Var) {
        self.acts.push((name.to_string(), v));
    }

    /// Names an output.
    pub fn out(&mut self, name: &str, v: Var) {
        self.outs.push((name.to_string(), v));
    }

    /// Names the loss.
    pub fn loss(&mut self, v: Var) {
        self.loss = Some(v);
    }

    /// A result without a gradient.
    pub fn extra(&mut self, key: &str, a: Array) {
        self.extra.insert(key.to_string(), a.into());
    }

    /// A setting.
    pub fn setting(&self, name: &str) -> &'a Value {
        &self.config[name]
    }

    /// A number of the configuration.
    ///
    /// # Errors
    /// One line if there is none.
    pub fn num(&self, name: &str) -> Result<f64, String> {
        self.config[name].as_f64().ok_or_else(|| format!("the configuration has no number `{name}`"))
    }

    /// A whole number of the configuration.
    ///
    /// # Errors
    /// One line if there is none.
    pub fn int(&self, name: &str) -> Result<usize, String> {
        let n = self.config[name].as_u64().and_then(|n| usize::try_from(n).ok());
        n.ok_or_else(|| format!("the configuration has no whole number `{name}`"))
    }

    /// Whole numbers of the configuration.
    ///
    /// # Errors
    /// One line if there are none.
    pub fn list(&self, name: &str) -> Result<Vec<usize>, String> {
        let list = self.config[name].as_array().into_iter().flatten();
        let list: Option<Vec<usize>> = list.map(|n| n.as_u64().and_then(|n| n.try_into().ok())).collect();
        list.filter(|l| !l.is_empty()).ok_or_else(|| format!("the configuration has no list `{name}`"))
    }

    /// A word of the configuration; empty if there is none.
    pub fn word(&self, name: &str) -> &'a str {
        self.config[name].as_str().unwrap_or_default()
    }

    /// Whether a setting is on.
    pub fn on(&self, name: &str) -> bool {
        self.config[name].as_bool().unwrap_or(false)
    }
}
