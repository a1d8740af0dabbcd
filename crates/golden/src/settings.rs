//! What a computation asks of the row of its case. The rows are ours: a setting that is missing is a mistake of the catalogue.

use mmt_tensor::Real;

use crate::run::Run;

impl<'a, R: Real> Run<'a, R> {
    /// A size of the row.
    ///
    /// # Panics
    /// If the row has no such size.
    pub fn size(&self, name: &str) -> usize {
        let found = self.row.sizes.iter().find(|(key, _)| *key == name);
        found.unwrap_or_else(|| panic!("{}: no size {name}", self.row.id)).1
    }

    /// Sizes of the row.
    ///
    /// # Panics
    /// If the row has not all of them.
    pub fn sizes<const N: usize>(&self, names: [&str; N]) -> [usize; N] {
        names.map(|name| self.size(name))
    }

    /// Whether the row has a size of this name.
    pub fn has_size(&self, name: &str) -> bool {
        self.row.sizes.iter().any(|(key, _)| *key == name)
    }

    /// A setting.
    ///
    /// # Panics
    /// If the row has no such setting.
    pub fn setting(&self, name: &str) -> &'a serde_json::Value {
        let found = self.row.config.get(name);
        found.unwrap_or_else(|| panic!("{}: no setting {name}", self.row.id))
    }

    /// A number among the settings.
    ///
    /// # Panics
    /// If it is no number.
    pub fn real(&self, name: &str) -> f64 {
        self.setting(name).as_f64().unwrap_or_else(|| panic!("{}: {name} is no number", self.row.id))
    }

    /// A whole number among the settings.
    ///
    /// # Panics
    /// If it is no whole number.
    pub fn whole(&self, name: &str) -> usize {
        let number = self.setting(name).as_u64();
        number.unwrap_or_else(|| panic!("{}: {name} is no whole number", self.row.id)) as usize
    }

    /// A list of whole numbers among the settings.
    ///
    /// # Panics
    /// If it is no list of as many whole numbers.
    pub fn list<const N: usize>(&self, name: &str) -> [usize; N] {
        let list = self.setting(name).as_array().expect("a list among the settings");
        let list: Vec<usize> = list.iter().map(|x| x.as_u64().expect("a whole number") as usize).collect();
        list.try_into().unwrap_or_else(|_| panic!("{}: {name} has another length", self.row.id))
    }

    /// A switch among the settings; off if it is not there.
    pub fn flag(&self, name: &str) -> bool {
        self.row.config.get(name).and_then(serde_json::Value::as_bool).unwrap_or(false)
    }

    /// A word among the settings.
    ///
    /// # Panics
    /// If it is no word.
    pub fn word(&self, name: &str) -> &'a str {
        self.setting(name).as_str().unwrap_or_else(|| panic!("{}: {name} is no word", self.row.id))
    }

    /// The tags of the row.
    pub fn is(&self, regime: &str) -> bool {
        self.row.regimes.contains(&regime)
    }
}
