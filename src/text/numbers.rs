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
    #[error("line {line} is {found}; expected a row of {expected:?}")]
    Row { line: usize, found: String, expected: String },
}

/// The rows below the header, of `columns` numbers each, none of which is above `largest` in size.
pub fn rows(text: &str, columns: usize, largest: f32) -> Result<Vec<Vec<f32>>, TableError> {
    let mut rows = Vec::new();
    for record in csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes()).records() {
        let (record, line) = (record?, rows.len() + 2);
        if record.len() != columns {
            return Err(TableError::Columns { line, found: record.len(), expected: columns });
        }
        rows.push(record.iter().map(|field| number(field, line, largest)).collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

/// A weight of a table: four decimals say all there is to say of it.
pub fn rounded(weight: f32) -> f32 {
    (weight * 1e4).round() / 1e4
}

fn number(field: &str, line: usize, largest: f32) -> Result<f32, TableError> {
    let found = field.trim().parse().ok().filter(|number: &f32| number.abs() <= largest);
    found.ok_or_else(|| TableError::Number { line, found: shortened(field), largest })
}

fn shortened(field: &str) -> String {
    field.chars().take(20).collect()
}

/// Rows below the header that begin with a name: for each `(name, rows, columns)` expected, in that
/// order, so many rows of so many numbers, none of which is above `largest` in size.
pub fn named_rows(
    text: &str,
    expected: &[(&str, usize, usize)],
    largest: f32,
) -> Result<Vec<Vec<Vec<f32>>>, TableError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let mut line = 1;
    let mut row_of = |name: &str, columns: usize| {
        let record = records.next().transpose()?;
        line += 1;
        let other = |found: String| TableError::Row { line, found, expected: name.into() };
        let record = record.ok_or_else(|| other("not there".into()))?;
        let found = record.get(0).unwrap_or_default();
        if found != name {
            return Err(other(format!("one of {:?}", shortened(found))));
        }
        if record.len() != columns + 1 {
            return Err(TableError::Columns { line, found: record.len(), expected: columns + 1 });
        }
        record.iter().skip(1).map(|field| number(field, line, largest)).collect()
    };
    let all = expected.iter().map(|&(name, rows, columns)| (0..rows).map(|_| row_of(name, columns)).collect());
    let all = all.collect::<Result<_, TableError>>()?;
    match records.next().transpose()? {
        None => Ok(all),
        Some(more) => {
            let found = format!("one of {:?}", shortened(more.get(0).unwrap_or_default()));
            Err(TableError::Row { line: line + 1, found, expected: "nothing".into() })
        }
    }
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
    fn named_rows_come_in_the_expected_order() {
        let read = |text: &str| named_rows(text, &[("a", 2, 1), ("b", 1, 3)], 1e3);
        let text = "layer,1\na,1\na,2\nb,3,4,5\n";
        assert_eq!(read(text).unwrap(), [vec![vec![1.0], vec![2.0]], vec![vec![3.0, 4.0, 5.0]]]);
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(refused("layer,1\na,1\nb,3,4,5\n"), "line 3 is one of \"b\"; expected a row of \"a\"");
        assert_eq!(refused("layer,1\na,1\na,2\n"), "line 4 is not there; expected a row of \"b\"");
        assert_eq!(refused(&text.replace("4,5", "4")), "line 4: 3 columns; expected 4");
        assert_eq!(refused(&format!("{text}c\n")), "line 5 is one of \"c\"; expected a row of \"nothing\"");
        assert!(refused(&text.replace("4,5", "4,nan")).starts_with("line 4: \"nan\" is not a number"));
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
