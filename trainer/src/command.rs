//! The command that trained a net, as its checkpoint and its card keep it.

/// Options that do not change the net: where its checkpoint lies, threads, and how often it is
/// judged.
const ASIDE: [&str; 3] = ["--checkpoint", "--threads", "--judge-every"];
/// Options that a recipe has as numbers, and the length, which may change on the way.
const NUMBERS: [&str; 11] = [
    "--steps",
    "--epochs",
    "--preset",
    "--loss",
    "--no-weight-map",
    "--no-boundary",
    "--no-coordinates",
    "--batch",
    "--rate",
    "--decay",
    "--seed",
];

/// The command line without what does not change the net.
pub fn kept(arguments: impl Iterator<Item = String>) -> String {
    let mut arguments = arguments.peekable();
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        let (name, has_value) = argument.split_once('=').map_or((argument.as_str(), false), |(name, _)| (name, true));
        if ASIDE.contains(&name) {
            arguments.next_if(|_| !has_value);
        } else {
            kept.push(argument);
        }
    }
    kept.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The preset that a command trains.
pub fn preset(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    let mut words = words.iter().map(String::as_str).skip_while(|word| !word.starts_with("--preset"));
    match words.next()?.split_once('=') {
        Some((_, value)) => Some(value.into()),
        None => words.next().map(String::from),
    }
}

/// The options of a command that only it tells, each with its value: sets, start, teacher and the
/// like. Those of one name stay in their order, which is that of the examples.
pub fn options(command: &str) -> Vec<String> {
    let mut options: Vec<(String, String)> = Vec::new();
    for word in shlex::split(command).unwrap_or_default() {
        if word.starts_with("--") {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            options.push((name.into(), if value.is_empty() { String::new() } else { quoted(value) }));
        } else if let Some((_, value)) = options.last_mut() {
            *value = quoted(&word);
        }
    }
    options.retain(|(name, _)| !ASIDE.contains(&&**name) && !NUMBERS.contains(&&**name));
    options.sort_by(|(a, _), (b, _)| a.cmp(b));
    options.into_iter().map(|(name, value)| format!("{name} {value}").trim_end().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_keeps_what_makes_the_net() {
        let line = "train --preset small --checkpoint a.ckpt --data 300w --data aflw2000:3d --threads=2 --rate 5e-4";
        let kept = kept(line.split(' ').map(str::to_owned));
        assert_eq!(kept, "train --preset small --data 300w --data aflw2000:3d --rate 5e-4");
        assert_eq!(preset(&kept).as_deref(), Some("small"));
        assert_eq!(preset("train --data a --preset=base").as_deref(), Some("base"));
        assert_eq!(preset("train --data a"), None);
    }

    #[test]
    fn a_recipe_can_be_pasted() {
        let words = ["train", "--data", "my faces", "--also=it's $HOME:3d", "--from", ""].map(String::from);
        let kept = kept(words.clone().into_iter());
        assert_eq!(kept, r"train --data 'my faces' '--also=it'\''s $HOME:3d' --from ''");
        assert_eq!(shlex::split(&kept).unwrap(), words);
    }

    #[test]
    fn options_are_the_same_however_they_are_written() {
        let one =
            options("train --steps 4 --data a:weight=0.5 --data 'my faces' --no-boundary --strength 0.2 --rate 1e-3");
        assert_eq!(one, ["--data a:weight=0.5", "--data 'my faces'", "--strength 0.2"]);
        assert_eq!(one, options("train --strength=0.2 --data=a:weight=0.5 --epochs 3 '--data=my faces'"));
        assert_ne!(one, options("train --strength=0.2 --data 'my faces' --data a:weight=0.5"));
    }
}
