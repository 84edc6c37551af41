//! The layers of small float nets that models carry as tables.
//!
//! A table has a row an output: the layer's name, the bias, and a weight an input.

use crate::text::numbers::{self, TableError};

/// Numbers of a table are no larger.
const LARGEST: f32 = 1e4;

/// A layer that adds to its biases what each input brings to each output.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// One an output.
    pub bias: Vec<f32>,
    /// Layout `[input, output]`.
    pub weights: Vec<f32>,
}

/// A layer of a table: its name, inputs and outputs.
pub type Form = (&'static str, usize, usize);

impl Layer {
    /// `out` has a number an output.
    pub fn apply(&self, inputs: impl IntoIterator<Item = f32>, out: &mut [f32]) {
        out.copy_from_slice(&self.bias);
        for (input, weights) in inputs.into_iter().zip(self.weights.chunks_exact(self.bias.len())) {
            for (out, weight) in out.iter_mut().zip(weights) {
                *out += input * weight;
            }
        }
    }
}

/// Reads a table with a header, and below it the layers of these forms.
pub fn from_csv(text: &str, forms: &[Form]) -> Result<Vec<Layer>, TableError> {
    let rows: Vec<_> = forms.iter().map(|&(name, inputs, outputs)| (name, outputs, inputs + 1)).collect();
    let layers = numbers::named_rows(text, &rows, LARGEST)?;
    let layer = |(rows, &(_, inputs, _)): (Vec<Vec<f32>>, &Form)| Layer {
        bias: rows.iter().map(|row| row[0]).collect(),
        weights: (0..inputs).flat_map(|input| rows.iter().map(move |row| row[1 + input])).collect(),
    };
    Ok(layers.into_iter().zip(forms).map(layer).collect())
}

/// As [`from_csv`] reads it, with four decimals.
pub fn to_csv(layers: &[(Form, &Layer)]) -> String {
    let most = layers.iter().map(|&((_, inputs, _), _)| inputs).max().unwrap_or_default();
    let header: String = (1..=most).map(|i| format!(",w{i}")).collect();
    let row = |name: &str, layer: &Layer, output: usize| {
        let weights = layer.weights.iter().skip(output).step_by(layer.bias.len());
        let weights: String = weights.map(|&weight| format!(",{}", numbers::rounded(weight))).collect();
        format!("{name},{}{weights}\n", numbers::rounded(layer.bias[output]))
    };
    let rows = layers.iter().flat_map(|&((name, _, outputs), layer)| (0..outputs).map(move |o| row(name, layer, o)));
    format!("layer,bias{header}\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let forms = [("hidden", 3, 2), ("answer", 2, 1)];
        let hidden = Layer { bias: vec![0.5, -1.0], weights: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.25] };
        let answer = Layer { bias: vec![0.0], weights: vec![-0.0001, 7.0] };
        let text = to_csv(&[(forms[0], &hidden), (forms[1], &answer)]);
        assert!(text.starts_with("layer,bias,w1,w2,w3\nhidden,0.5,1,3,5\nhidden,-1,2,4,6.25\nanswer,"), "{text}");
        assert_eq!(from_csv(&text, &forms).unwrap(), [hidden, answer]);
    }

    #[test]
    fn a_layer_adds_what_each_input_brings() {
        let layer = Layer { bias: vec![0.5, -1.0], weights: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.25] };
        let mut out = [0.0; 2];
        layer.apply([1.0, -2.0, 0.5], &mut out);
        assert_eq!(out, [0.5 + 1.0 - 6.0 + 2.5, -1.0 + 2.0 - 8.0 + 3.125]);
    }
}
