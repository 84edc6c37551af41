//! Whether what an option is given is different each time.

/// Which value an option is given twice, in words. A value may have several names.
pub fn repeated<T>(
    option: &str,
    values: &[T],
    is_same: impl Fn(&T, &T) -> bool,
    name: impl Fn(&T) -> String,
) -> Option<String> {
    values.iter().enumerate().find_map(|(i, second)| {
        let first = values[..i].iter().find(|first| is_same(first, second))?;
        let (first, second) = (name(first), name(second));
        Some(if first == second {
            format!("{option} {second} is given twice; give it once")
        } else {
            format!("{option} {first} and {option} {second} are the same; give one of them")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_twice_is_found_under_both_names() {
        let is_same = |one: &&str, other: &&str| one.eq_ignore_ascii_case(other);
        let said = |values: &[&str]| repeated("--model", values, is_same, ToString::to_string);
        assert_eq!(said(&["a", "b", "c"]), None);
        assert_eq!(said(&["a", "b", "a"]).as_deref(), Some("--model a is given twice; give it once"));
        let expected = "--model b and --model B are the same; give one of them";
        assert_eq!(said(&["a", "b", "B"]).as_deref(), Some(expected));
    }
}
