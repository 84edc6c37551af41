//! Files as a whole: which one a path stands for, whether it can be written, and small ones that
//! are read and written at once.

use std::fs::{self, File, Metadata, TryLockError};
#[cfg(feature = "program")]
use std::io::Write;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[cfg(feature = "program")]
use rustix::fs::{Access, access};
use rustix::fs::{OFlags, fcntl_setfl, statvfs};
use rustix::io::Errno;
use rustix::process::geteuid;
#[cfg(feature = "program")]
use rustix::process::{getegid, getgroups};

/// The bytes of a file, if they are no more than so many: one that was named by mistake, or that
/// has no end, would take all memory.
pub fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let expected = file.metadata()?.len();
    let mut bytes = Vec::new();
    if expected <= most_bytes {
        bytes.try_reserve_exact(expected as usize).map_err(|_| io::ErrorKind::OutOfMemory)?;
        file.take(most_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= most_bytes {
            return Ok(bytes);
        }
    }
    let most =
        if most_bytes < 1 << 20 { format!("{} KiB", most_bytes >> 10) } else { format!("{} MiB", most_bytes >> 20) };
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is too large; expected at most {most}")))
}

/// The text of a file that people write, without the byte order mark that some editors put first.
pub fn read_text(path: &Path) -> io::Result<String> {
    const MOST_BYTES: u64 = 1 << 20;
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let mut bytes = read(path, MOST_BYTES)?;
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is no UTF-8; save it as UTF-8"))
    })
}

/// Says so where every user of the machine can read a file of secrets. A pipe and a device keep
/// none.
#[cfg(feature = "program")]
pub fn warn_of_readers(path: &Path) {
    // `/dev/stdin` is another file where the advice is followed.
    let Ok(path) = fs::canonicalize(path) else { return };
    if path.is_file() && is_open_to_all(&path) {
        let remedy = remedy_of(&path);
        log::warn!("{} holds a secret, and every user of this machine can read it; {remedy}", path.display());
    }
}

/// How a file is closed to others and stays open to this process.
#[cfg(feature = "program")]
fn remedy_of(path: &Path) -> String {
    let Ok(about) = fs::metadata(path) else { return String::new() };
    let groups = getgroups().unwrap_or_default().into_iter().chain([getegid()]);
    let is_of_group = about.mode() & 0o040 != 0 && groups.map(|group| group.as_raw()).any(|own| own == about.gid());
    let is_kept = geteuid().is_root() || geteuid().as_raw() == about.uid() || is_of_group;
    let path = path.display();
    if is_kept {
        format!("chmod o= {path} mends that")
    } else {
        format!(
            "it is another user's, so a group that this run's user is in has to have it first: chgrp GROUP {path}; \
             chmod 640 {path} (the service gets a group by the drop-in readers.conf: docs/threats.md)"
        )
    }
}

/// Whether a file and the folders on the way let every user read it.
#[cfg(feature = "program")]
fn is_open_to_all(path: &Path) -> bool {
    let Ok(path) = fs::canonicalize(path) else { return false };
    let lets = |path: &Path, others: u32| fs::metadata(path).is_ok_and(|found| found.mode() & others != 0);
    lets(&path, 0o4) && path.ancestors().skip(1).all(|folder| lets(folder, 0o1))
}

/// The file, which other runs find taken until it is closed, however its process ends.
pub fn locked(file: File) -> io::Result<File> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::new(io::ErrorKind::ResourceBusy, "another run writes it")),
        // Some file systems of networks know no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// What a path links to, there or not.
pub fn target(path: &Path) -> PathBuf {
    match fs::read_link(path) {
        // As many links as the kernel follows lead to one that goes round, which is an error when
        // it is opened.
        Ok(_) => fs::canonicalize(path).unwrap_or_else(|_| match fs::read_link(path) {
            Ok(link) => path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => path.into(),
        }),
        Err(_) => path.into(),
    }
}

/// The file that a path is or links to, by one name however it is written.
#[cfg(feature = "program")]
pub fn of_one_name(path: &Path) -> PathBuf {
    // The name of a folder may be that of no entry: `.` and `..`.
    if let Some(folder) = fs::canonicalize(path).ok().filter(|whole| whole.is_dir()) {
        return folder;
    }
    let target = target(path);
    match (fs::canonicalize(folder_of(&target)), target.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => target,
    }
}

/// Replaces the file as a whole: who reads it finds the old text or the new one. A link stays, and
/// what it leads to is replaced. A pipe and a device are written to as they are.
#[cfg(feature = "program")]
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    Replaced::default().replace(path, text)
}

/// Replaces a file, or writes it as it is where its folder takes no other one.
#[cfg(feature = "program")]
pub fn put(path: &Path, text: &str) -> io::Result<()> {
    match replace(path, text) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => write(path, text),
        replaced => replaced,
    }
}

/// A file that one run replaces again and again. Other runs find it taken meanwhile.
#[cfg(feature = "program")]
#[derive(Debug, Default)]
pub struct Replaced(Option<File>);

#[cfg(feature = "program")]
impl Replaced {
    /// As [`replace`].
    pub fn replace(&mut self, path: &Path, text: &str) -> io::Result<()> {
        if is_no_file(path) {
            return write(path, text);
        }
        let path = &target(path);
        self.check_free(path)?;
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_os_string();
        // After the extension, so that readers that go by it, as node_exporter does, pass it over.
        name.push(".new");
        let new = path.with_file_name(name);
        let mut options = File::options();
        // A link that somebody left there leads to a file of his.
        let options = options.write(true).create(true).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(&new).and_then(locked)?;
        let replaced = file.set_len(0).and_then(|()| (&file).write_all(text.as_bytes()));
        let replaced = replaced.and_then(|()| fs::rename(&new, path));
        match replaced {
            Ok(()) => self.0 = Some(file),
            // It may never have been there.
            Err(_) => drop(fs::remove_file(&new)),
        }
        replaced
    }

    /// Whether it can be, as far as that can be told without touching the file.
    pub fn check(&self, path: &Path) -> io::Result<()> {
        if is_no_file(path) {
            return Ok(());
        }
        let path = target(path);
        check_folder(folder_of(&path))?;
        self.check_free(&path)
    }

    /// Whether no other run replaces the file.
    fn check_free(&self, path: &Path) -> io::Result<()> {
        let Ok(there) = File::open(path) else { return Ok(()) };
        let is_same = |own: &File| Ok::<_, io::Error>(id(&own.metadata()?) == id(&there.metadata()?));
        match &self.0 {
            Some(own) if is_same(own)? => Ok(()),
            _ => locked(there).map(drop),
        }
    }
}

/// What tells a file from all others of the machine.
pub fn id(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// Writes a file as it is. A pipe that nobody reads is an error, and not waited for.
#[cfg(feature = "program")]
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = if is_no_file(path) { open_for_reader(path)? } else { File::create(path)? };
    file.write_all(text.as_bytes())
}

/// Whether it is a pipe, a device or a socket.
#[cfg(feature = "program")]
fn is_no_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// Opens a pipe or a device without waiting for somebody who reads it.
pub fn open_for_reader(path: &Path) -> io::Result<File> {
    let opened = File::options().write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    let file = opened.map_err(|e| if Errno::from_io_error(&e) == Some(Errno::NXIO) { nobody_reads() } else { e })?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Of a pipe.
pub fn nobody_reads() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the pipe")
}

/// The folder that a file lies in, or would.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// What is free for this user where a folder lies; `None` where it is not there, or lies on no file
/// system. Some in user space say that they have no end.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let about = statvfs(folder).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// Whether there is no room, which may come again.
pub fn is_full_disk(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Makes a folder where it is not there yet, and looks whether it takes files.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    check_no_file_is_in_the_way(folder)?;
    fs::create_dir_all(folder)?;
    check_folder(folder)
}

fn check_no_file_is_in_the_way(folder: &Path) -> io::Result<()> {
    if let Some(link) = folder.ancestors().find(|path| path.is_symlink() && !path.exists()) {
        let words = format!("{} is a link to a place that is not there", link.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, words));
    }
    let is_file = |path: &&Path| fs::metadata(path).is_ok_and(|about| !about.is_dir());
    let Some(file) = folder.ancestors().find(is_file) else { return Ok(()) };
    Err(if file == folder { no_folder(&"it") } else { no_folder(&file.display()) })
}

fn no_folder(what: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::NotADirectory, format!("{what} is a file; expected a folder"))
}

/// Whether files can be made in a folder: one is, and removed again. What the rights say is not
/// enough: root may all, and yet /proc and what is mounted for reading take no files. A full disk
/// is no obstacle, since it may have room later.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(no_folder(&folder.display()));
    }
    // What others left by such a name is theirs.
    const MOST_TRIALS: u32 = 100;
    let process = std::process::id();
    let mut made = Ok(());
    for number in 0..MOST_TRIALS {
        let trial = folder.join(format!(".wingmark-{process}-{number}"));
        made = File::create_new(&trial).and_then(|_| fs::remove_file(&trial));
        match &made {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) if is_full_disk(e) => return Ok(()),
            _ => return made,
        }
    }
    made
}

/// Whether a folder takes files or, where it is not there yet, whether it can be made.
pub fn check_folder_to_be(folder: &Path) -> io::Result<()> {
    check_no_file_is_in_the_way(folder)?;
    let there = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    check_folder(there)
}

/// Whether this user may rename or remove a file that is there: in a folder that keeps files for
/// their owners, as /tmp is, another user's may not be touched, whatever its rights say.
pub fn check_own(path: &Path) -> io::Result<()> {
    const STICKY: u32 = 0o1000;
    let (Ok(file), Ok(folder)) = (fs::symlink_metadata(path), fs::metadata(folder_of(path))) else { return Ok(()) };
    let own = geteuid();
    if own.is_root() || folder.mode() & STICKY == 0 || [file.uid(), folder.uid()].contains(&own.as_raw()) {
        return Ok(());
    }
    let words = format!(
        "it belongs to {}, who alone may rename it in this folder; name another file, or have its owner move it",
        user_in_words(file.uid())
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, words))
}

fn user_in_words(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has_number = |line: &&str| line.split(':').nth(2).and_then(|number| number.parse().ok()) == Some(user);
    match users.lines().find(has_number).and_then(|line| line.split(':').next()) {
        Some(name) => format!("the user {name}"),
        None => format!("the user with the number {user}"),
    }
}

/// Whether a file can be written, as far as it can be told without touching it, and no other run
/// writes it: for what is written after long work.
#[cfg(feature = "program")]
pub fn check_writable(path: &Path) -> io::Result<()> {
    let Ok(about) = fs::metadata(path) else {
        let target = target(path);
        target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        return check_folder(folder_of(&target));
    };
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    access(path, Access::WRITE_OK)?;
    // Who may write it need not be one who may read it; and a pipe would have to be waited for.
    match about.is_file().then(|| File::open(path)) {
        Some(Ok(file)) => locked(file).map(drop),
        _ => Ok(()),
    }
}

#[cfg(all(test, feature = "program"))]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_open_to_all_where_it_and_its_folder_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "hush").unwrap();
        // Folders for what is temporary may be closed themselves.
        let is_reached = folder.path().ancestors().skip(1).all(|f| fs::metadata(f).unwrap().mode() & 0o1 != 0);
        for (of_folder, of_file, is_open) in
            [(0o755, 0o644, true), (0o711, 0o604, true), (0o700, 0o644, false), (0o755, 0o640, false)]
        {
            fs::set_permissions(folder.path(), Permissions::from_mode(of_folder)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
            assert_eq!(is_open_to_all(&file), is_open && is_reached, "{of_folder:o} {of_file:o}");
        }
        assert!(!is_open_to_all(&folder.path().join("none")));
    }

    #[test]
    fn what_is_closed_to_others_stays_open_to_who_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "hush").unwrap();
        assert_eq!(remedy_of(&file), format!("chmod o= {} mends that", file.display()));
        // That of another user, where this one is not root.
        let is_kept = geteuid().is_root();
        let remedy = remedy_of(Path::new("/etc/passwd"));
        assert_eq!(remedy.contains("chgrp GROUP /etc/passwd; chmod 640 /etc/passwd"), !is_kept, "{remedy}");
    }

    #[test]
    fn what_can_be_written_is_told_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        check_writable(&file).unwrap();
        assert!(!file.exists());
        fs::write(&file, "old").unwrap();
        check_writable(&file).unwrap();
        for (path, expected) in [
            (folder.path().to_path_buf(), io::ErrorKind::IsADirectory),
            (folder.path().join("no/a.json"), io::ErrorKind::NotFound),
            (file.join("a.json"), io::ErrorKind::NotADirectory),
            ("/".into(), io::ErrorKind::IsADirectory),
            ("/proc/a.json".into(), io::ErrorKind::NotFound),
        ] {
            assert_eq!(check_writable(&path).unwrap_err().kind(), expected, "{}", path.display());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        let taken = locked(File::open(&file).unwrap()).unwrap();
        assert_eq!(check_writable(&file).unwrap_err().to_string(), "another run writes it");
        drop(taken);
        check_writable(&file).unwrap();
    }

    #[test]
    fn a_folder_is_tried_without_touching_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("theirs"), "old").unwrap();
        let trial = folder.path().join(format!(".wingmark-{}-0", std::process::id()));
        std::os::unix::fs::symlink("theirs", &trial).unwrap();
        check_folder(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&trial).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("by")).unwrap();
        assert!(replace(&taken, "text").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a.prom"), folder.path().join("a.prom.new"));
        let (mut one, mut other) = (Replaced::default(), Replaced::default());
        for text in ["1", "2"] {
            one.replace(&path, text).unwrap();
            assert_eq!(other.replace(&path, "3").unwrap_err().to_string(), "another run writes it");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // Somebody tidied up.
        fs::remove_file(&path).unwrap();
        one.replace(&path, "4").unwrap();
        drop(one);
        std::os::unix::fs::symlink("theirs", &new).unwrap();
        assert!(other.replace(&path, "5").is_err());
        assert!(!folder.path().join("theirs").exists());
        fs::remove_file(&new).unwrap();
        other.replace(&path, "6").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "6");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("there"), "old").unwrap();
        std::os::unix::fs::symlink("there", at("link")).unwrap();
        std::os::unix::fs::symlink("new", at("to nothing")).unwrap();
        std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
        for name in ["link", "to nothing", "null"] {
            check_writable(&at(name)).unwrap();
            replace(&at(name), "text").unwrap();
            assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
        }
        assert_eq!(
            (fs::read_to_string(at("there")).unwrap(), fs::read_to_string(at("new")).unwrap()),
            ("text".into(), "text".into())
        );
        let pipe = at("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        assert_eq!(replace(&pipe, "text").unwrap_err().to_string(), "nobody reads the pipe");
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        while let Err(e) = replace(&pipe, "text") {
            assert_eq!(e.kind(), io::ErrorKind::BrokenPipe, "{e}");
            std::thread::yield_now();
        }
        assert_eq!(reader.join().unwrap(), "text");
    }

    #[test]
    fn files_are_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "ab\nc").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"ab\nc");
        for (path, most) in [(path.as_path(), 3), (Path::new("/dev/zero"), 2048), (Path::new("/dev/zero"), 3 << 20)] {
            let error = read(path, most).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        }
        assert!(read(Path::new("/dev/zero"), 3 << 20).unwrap_err().to_string().ends_with("expected at most 3 MiB"));
        fs::write(&path, b"ab\nc\xf6\n").unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "line 2 is no UTF-8; save it as UTF-8");
    }

    #[test]
    fn a_file_has_one_name() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().canonicalize().unwrap().join("a.csv");
        std::os::unix::fs::symlink("a.csv", root.path().join("b.csv")).unwrap();
        std::os::unix::fs::symlink(".", root.path().join("here")).unwrap();
        for name in ["a.csv", "./a.csv", "b.csv", "here/here/b.csv"] {
            assert_eq!(of_one_name(&root.path().join(name)), file, "{name}");
        }
        for name in [".", "here", "here/.", "here/.."] {
            let folder = root.path().join(name).canonicalize().unwrap();
            assert_eq!(of_one_name(&root.path().join(name)), folder, "{name}");
        }
        assert_eq!(of_one_name(Path::new(".")), std::env::current_dir().unwrap().canonicalize().unwrap());
    }
}
