//! Man pages and shell completions, made from the command line's own description:
//! `wingmark-pages DIR`.
//!
//! `DIR` becomes a part of a file system: `share/man/man1/wingmark*.1`, and the completions where
//! bash, zsh and fish look for them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use wingmark::cli::Cli;

const NAME: &str = "wingmark";
/// Where a shell looks for completions, below a prefix such as /usr, and what it calls their file.
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "share/bash-completion/completions/wingmark"),
    (Shell::Zsh, "share/zsh/vendor-completions/_wingmark"),
    (Shell::Fish, "share/fish/vendor_completions.d/wingmark.fish"),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("expected one folder, which the pages are written to: wingmark-pages DIR");
        return ExitCode::from(2);
    };
    match write_pages(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("cannot write the pages to {}: {e}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write_pages(folder: &Path) -> io::Result<()> {
    let pages = folder.join("share/man/man1");
    std::fs::create_dir_all(&pages)?;
    // The long version names the commit of this build, which is not the packaged one's.
    let command = Cli::command().name(NAME).long_version(None::<&str>);
    clap_mangen::generate_to(command.clone(), &pages)?;
    for (shell, file) in SHELLS {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().expect("it is below the folder"))?;
        std::fs::write(file, completion(shell, command.clone()))?;
    }
    Ok(())
}

fn completion(shell: Shell, mut command: Command) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_each_shell_its_completion() {
        let folder = std::env::temp_dir().join(format!("wingmark-pages-{}", std::process::id()));
        write_pages(&folder).unwrap();
        for command in Cli::command().get_subcommands() {
            let path = folder.join(format!("share/man/man1/wingmark-{}.1", command.get_name()));
            let page = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&option.replace('-', "\\-")), "{} lacks --{option}", path.display());
            }
        }
        for (_, file) in SHELLS {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.contains("testcard") && text.contains("smoothing"), "{file}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
