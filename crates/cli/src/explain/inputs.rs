//! The reader's own numbers.

use mmt_tensor::testing::ramp;
use ndarray::Array2;

use crate::failure::Failure;

/// A named matrix.
#[derive(Clone, Debug)]
pub struct Input {
    /// As typed after `--set`.
    pub name: &'static str,
    /// The numbers.
    pub array: Array2<f64>,
}

impl Input {
    /// A matrix that is as good as any: the ramp of the specification.
    pub fn ramp(name: &'static str, seed: usize, shape: (usize, usize)) -> Self {
        Input { name, array: ramp(seed, shape) }
    }

    /// These numbers if they have the shape, the ramp if not.
    pub fn of(name: &'static str, numbers: Array2<f64>, seed: usize, shape: (usize, usize)) -> Self {
        if numbers.dim() == shape { Input { name, array: numbers } } else { Input::ramp(name, seed, shape) }
    }
}

/// The inputs with those that the reader gives: `NAME=1,0;0,1`.
pub fn set(id: &str, mut inputs: Vec<Input>, given: &[String]) -> Result<Vec<Input>, Failure> {
    for text in given {
        let Some((name, numbers)) = text.split_once('=') else {
            return Err(Failure::usage(format!("--set {text}: expected NAME=ROWS, for example Q=1,0;0,1")));
        };
        let known: Vec<String> = inputs
            .iter()
            .map(|input| format!("{} [{}, {}]", input.name, input.array.nrows(), input.array.ncols()))
            .collect();
        let Some(input) = inputs.iter_mut().find(|input| input.name == name) else {
            return Err(Failure::usage(format!("--set {name}: {id} has no such input"))
                .hint(format!("its inputs are {}", known.join(", "))));
        };
        input.array = parse(numbers, input.array.dim()).map_err(|why| {
            Failure::usage(format!("--set {name}: {why}")).hint("--n, --m, --d set the sizes")
        })?;
    }
    Ok(inputs)
}

fn parse(text: &str, (n, d): (usize, usize)) -> Result<Array2<f64>, String> {
    let number = |text: &str| {
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        number
            .ok_or_else(|| format!("`{}` is not a finite number", text.trim().replace(char::is_control, "?")))
    };
    let row = |row: &str| row.split(',').map(number).collect::<Result<Vec<f64>, String>>();
    let rows = text.split(';').map(row).collect::<Result<Vec<_>, String>>()?;
    if rows.len() != n || rows.iter().any(|row| row.len() != d) {
        let lengths: Vec<String> = rows.iter().map(|row| row.len().to_string()).collect();
        return Err(format!(
            "expected shape [{n}, {d}], rows divided by `;` and numbers by `,`; got {} of length {}",
            if rows.len() == 1 { "1 row".to_string() } else { format!("{} rows", rows.len()) },
            lengths.join(", ")
        ));
    }
    Ok(Array2::from_shape_vec((n, d), rows.concat()).expect("rows of equal length"))
}
