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
    kept.join(" ")
}

/// The options of a command that only it tells, each with its value: sets, start, teacher and the
/// like. Those of one name stay in their order, which is that of the examples.
pub fn options(command: &str) -> Vec<String> {
    let mut options: Vec<(String, String)> = Vec::new();
    for word in command.split(' ') {
        if word.starts_with("--") {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            options.push((name.into(), value.into()));
        } else if let Some((_, value)) = options.last_mut() {
            // A value with a space in it, too.
            *value = format!("{value} {word}").trim_start().into();
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
    }

    #[test]
    fn options_are_the_same_however_they_are_written() {
        let one =
            options("train --steps 4 --data a:weight=0.5 --data my faces --no-boundary --strength 0.2 --rate 1e-3");
        assert_eq!(one, ["--data a:weight=0.5", "--data my faces", "--strength 0.2"]);
        assert_eq!(one, options("train --strength=0.2 --data=a:weight=0.5 --epochs 3 --data my faces"));
        assert_ne!(one, options("train --strength=0.2 --data my faces --data a:weight=0.5"));
    }
}
