//! What a run gives: outputs, intermediates and gradients by name.

use crate::{Array, Run, Tensors, Var};

impl Run<'_> {
    /// Everything by name: outputs, intermediates, gradients.
    ///
    /// # Errors
    /// One line if the gradient of an output is missing or of another shape.
    pub fn finish(self) -> Result<Tensors, String> {
        let mut answer = self.extra.clone();
        for (section, list) in [("out", &self.outs), ("act", &self.acts)] {
            answer.extend(
                list.iter()
                    .map(|(name, v)| (format!("{section}/{name}"), self.tape.value(*v).clone().into())),
            );
        }
        if let Some(v) = self.loss {
            answer.insert("loss/loss".to_string(), self.tape.value(v).clone().into());
        }
        let seeds = self.seeds()?;
        if seeds.is_empty() {
            return Ok(answer);
        }
        let gradients = self.tape.backward(seeds);
        for (key, v) in &self.leaves {
            let gradient = gradients[*v].clone().unwrap_or_else(|| Array::zeros(&self.tape.shape(*v)));
            answer.insert(format!("grad_{key}"), gradient.into());
        }
        Ok(answer)
    }

    fn seeds(&self) -> Result<Vec<(Var, Array)>, String> {
        let ends = self.outs.iter().map(|(name, v)| (name.as_str(), *v));
        let mut seeds = Vec::new();
        for (name, v) in ends.chain(self.loss.map(|v| ("loss", v))) {
            let key = format!("cot/{name}");
            if !self.has(&key) {
                continue;
            }
            let seed = self.numbers(&key)?;
            if seed.data.len() != self.tape.value(v).data.len() {
                return Err(format!("`{key}` has another shape than the output"));
            }
            seeds.push((v, Array::new(&self.tape.shape(v), seed.data)));
        }
        Ok(seeds)
    }
}
