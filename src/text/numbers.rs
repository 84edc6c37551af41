//! Tables of numbers, as models carry them: CSV with a header.

use thiserror::Error;

/// What is wrong with a table.
#[derive(Debug, Error)]
pub enum TableError {
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error("line {line}: {found} columns; expected {expected}")]
    Columns { line: usize, found: usize, expected: usize },
    #[error("line {line}: {found:?} is not a number of at most {largest} in size")]
    Number { line: usize, found: String, largest: f32 },
}

/// The rows below the header, of `columns` numbers each, none of which is above `largest` in size.
pub fn rows(text: &str, columns: usize, largest: f32) -> Result<Vec<Vec<f32>>, TableError> {
    let mut rows = Vec::new();
    for record in csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes()).records() {
        let (record, line) = (record?, rows.len() + 2);
        if record.len() != columns {
            return Err(TableError::Columns { line, found: record.len(), expected: columns });
        }
        let number = |field: &str| {
            let found = field.trim().parse().ok().filter(|number: &f32| number.abs() <= largest);
            found.ok_or_else(|| TableError::Number { line, found: field.chars().take(20).collect(), largest })
        };
        rows.push(record.iter().map(number).collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_below_the_header() {
        assert_eq!(rows("a,b\n1, 2.5\n-3,4e2\n", 2, 1e3).unwrap(), [[1.0, 2.5], [-3.0, 400.0]]);
        assert!(rows("a,b\n", 2, 1e3).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_table_is_refused_with_its_line() {
        let refused = |text: &str| rows(text, 2, 1e3).unwrap_err().to_string();
        assert_eq!(refused("a,b\n1,2\n3\n"), "line 3: 1 columns; expected 2");
        for wrong in ["NaN", "inf", "1e4", "x", ""] {
            assert_eq!(
                refused(&format!("a,b\n1,{wrong}\n")),
                format!("line 2: {wrong:?} is not a number of at most 1000 in size")
            );
        }
    }
}
