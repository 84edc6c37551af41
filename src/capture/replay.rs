//! Files as a source: a picture, a film, or the pictures and films of a folder in natural order.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::stream::{DECODED, open_film};
use super::{CaptureError, Captured, Pace, Source, mjpeg};
use crate::picture::folder;
use crate::picture::frame::Frame;
use crate::picture::{self, is_named_like_one, jpeg};

/// What films are called that need no decoder; so are those of [`DECODED`]. Whether one can be read
/// is told by what it holds.
const VIDEO: [&str; 3] = ["y4m", "mjpeg", "mjpg"];
/// Pictures that are not read.
const OTHER_PICTURES: [&str; 10] = ["webp", "bmp", "gif", "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2"];
const PNG: &[u8] = b"\x89PNG";

/// Frames of files, one file after the other. Their numbers count on from file to file, and so does
/// time. What cannot be read is an error for its turn, and the next file follows.
pub struct Replay {
    files: std::vec::IntoIter<PathBuf>,
    film: Option<Playing>,
    /// A film of which an earlier run recorded a part.
    begun: Option<Begun>,
    pace: Pace,
    /// Number of the next frame.
    next: u32,
    /// Number and time from which on the pace counts.
    origin: (u32, Duration),
}

/// A film that is being shown.
struct Playing {
    frames: Box<dyn Source>,
    name: Arc<str>,
    /// Number and time where it begins.
    first: u32,
    first_at: Duration,
    /// Of a film that goes on, number and time of the first frame that is no broken one, until that
    /// comes.
    first_sound: Option<(u32, Duration)>,
    /// Frames before this number were recorded earlier.
    resume_at: u32,
    /// Number of its next frame, be it a broken one.
    next: u32,
}

/// Where to go on with files of which some were recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resume {
    /// Files that are passed over, as [`Frame::source`] names them.
    pub done: HashSet<String>,
    /// The film that was begun, if one was.
    pub begun: Option<Begun>,
}

/// The file that was recorded last, up to a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Begun {
    /// Its file, as records name it.
    pub source: String,
    /// Number of its first frame that was recorded.
    pub first: u32,
    /// The time of that frame, since the start of the whole run.
    pub first_at: Duration,
    /// Number of its last frame that was recorded.
    pub last: u32,
    /// The time of that frame, since the start of the whole run.
    pub last_at: Duration,
}

impl Resume {
    /// Whether one of the files is one that it knows, or it knows none.
    fn is_about_any_of(&self, files: &[PathBuf]) -> bool {
        let is_known = |name: &str| self.done.contains(name) || self.begun.as_ref().is_some_and(|b| b.source == name);
        *self == Resume::default() || files.iter().any(|file| is_known(&name(file)))
    }
}

impl Replay {
    /// A file, or those directly in a folder that are named like pictures or films. `pace` is that
    /// of what has none of its own.
    pub fn open(path: &Path, pace: Pace, resume: &Resume) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Read { path: path.into(), source };
        let about = std::fs::metadata(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => CaptureError::NotThere(path.into()),
            _ => failed(source),
        });
        let is_folder = about?.is_dir();
        let mut files = if is_folder { files_in(path)? } else { vec![path.into()] };
        let is_last = |file: &Path| resume.begun.as_ref().is_some_and(|begun| *begun.source == *name(file));
        let is_done =
            |file: &Path| resume.done.contains(&*name(file)) || (is_last(file) && is_picture(file).unwrap_or(false));
        if !resume.is_about_any_of(&files) {
            log::warn!("none of the files of {} is among those that were recorded earlier", path.display());
        }
        files.retain(|file| !is_done(file));
        // The film under way goes on first, whatever lies before it by now, so that numbers and
        // times rise.
        files.sort_by_key(|file| !is_last(file));
        let mut replay = Replay {
            files: files.into_iter(),
            film: None,
            begun: resume.begun.clone(),
            pace,
            next: 0,
            origin: (0, Duration::ZERO),
        };
        if let Some(begun) = &resume.begun {
            replay.go_on_after(begun.last, begun.last_at);
        }
        // What is wrong with a single film is known at once.
        if !is_folder && !replay.files.as_slice().is_empty() && !is_picture(path).map_err(failed)? {
            replay.files.next();
            replay.begin(path)?;
        }
        Ok(replay)
    }

    /// The next file's frames come after the one of this number and time.
    fn go_on_after(&mut self, sequence: u32, at: Duration) {
        // Records have whole microseconds.
        let is_in_pace = at.abs_diff(self.time(sequence)) < Duration::from_micros(2);
        self.next = sequence.saturating_add(1);
        if !is_in_pace {
            self.origin = (self.next, at + self.pace.time(1));
        }
    }

    fn begin(&mut self, path: &Path) -> Result<(), CaptureError> {
        let frames = open_film(path, self.pace)?;
        let name = name(path);
        let begun = self.begun.take_if(|begun| *begun.source == *name);
        self.film = Some(Playing {
            frames,
            name,
            next: begun.as_ref().map_or(self.next, |begun| begun.first),
            first: self.next,
            first_at: self.time(self.next),
            first_sound: begun.as_ref().map(|begun| (begun.first, begun.first_at)),
            resume_at: begun.map_or(0, |begun| begun.last.saturating_add(1)),
        });
        Ok(())
    }

    /// When a frame of this number is captured, as long as the pace counts.
    fn time(&self, sequence: u32) -> Duration {
        self.origin.1 + self.pace.time(sequence.saturating_sub(self.origin.0))
    }

    fn take_number(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// The next frame of the film, without those that were recorded earlier; [`Captured::End`]
    /// where there is none.
    fn film_into(film: &mut Playing, frame: &mut Frame) -> Result<Captured, CaptureError> {
        loop {
            let captured = film.frames.capture_into(frame).inspect_err(|_| film.next = film.next.saturating_add(1))?;
            if captured == Captured::Frame {
                if let Some((number, at)) = film.first_sound.take() {
                    film.first = number.saturating_sub(frame.sequence());
                    film.first_at = at.saturating_sub(frame.captured_at());
                }
                frame.stamp(frame.sequence().saturating_add(film.first), frame.captured_at() + film.first_at);
                frame.set_source(Some(Arc::clone(&film.name)));
                film.next = frame.sequence().saturating_add(1);
                if frame.sequence() < film.resume_at {
                    continue;
                }
            }
            return Ok(captured);
        }
    }
}

impl Source for Replay {
    fn capture_into(&mut self, frame: &mut Frame) -> Result<Captured, CaptureError> {
        loop {
            if let Some(film) = &mut self.film {
                let captured = Replay::film_into(film, frame)?;
                let next = film.next;
                if captured == Captured::Frame {
                    self.go_on_after(frame.sequence(), frame.captured_at());
                }
                if captured != Captured::End {
                    return Ok(captured);
                }
                // Its last frames may have been broken ones.
                self.next = self.next.max(next);
                self.film = None;
            }
            let Some(path) = self.files.next() else { return Ok(Captured::End) };
            let is_picture = is_picture(&path).map_err(|source| {
                self.take_number();
                CaptureError::Read { path: path.clone(), source }
            });
            if is_picture? {
                let sequence = self.take_number();
                let captured_at = self.time(sequence);
                *frame = picture::read(&path)?;
                frame.stamp(sequence, captured_at);
                frame.set_source(Some(name(&path)));
                return Ok(Captured::Frame);
            }
            if let Err(e) = self.begin(&path) {
                self.take_number();
                return Err(e);
            }
        }
    }
}

/// What a file is called in records: its path as it was given, without `./` and doubled slashes.
/// Characters that would break a line, and bytes that are no text, stand there as escapes, so that
/// two files have two names.
fn name(path: &Path) -> Arc<str> {
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let mut name = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { name.extend(c.escape_default()) } else { name.push(c) }
        }
        chunk.invalid().iter().for_each(|byte| name += &format!("\\x{byte:02x}"));
    }
    name.into()
}

/// Whether a file is a picture by its name, or by what it holds: a PNG, or a JPEG that no other one
/// follows.
fn is_picture(path: &Path) -> std::io::Result<bool> {
    if is_named_like_one(path) {
        return Ok(true);
    }
    let mut head = Vec::new();
    let mut file = File::open(path)?;
    (&mut file).take(PNG.len() as u64).read_to_end(&mut head)?;
    if head.starts_with(&jpeg::START) && !has_extension(path, &VIDEO) {
        return mjpeg::is_single(head.chain(file));
    }
    Ok(head == PNG)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default();
    known.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether a file is shown as a part of a folder, by its name.
pub fn is_shown(path: &Path) -> bool {
    is_named_like_one(path) || has_extension(path, &VIDEO) || has_extension(path, &DECODED)
}

/// The files to show of a folder. A link to nothing is one of them, so that it is named when its
/// turn comes.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let entries = folder::entries(folder).map_err(|source| CaptureError::Read { path: folder.into(), source })?;
    let (mut files, mut others, mut no_files, mut folders) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for path in entries {
        let about = std::fs::metadata(&path);
        folders += usize::from(about.as_ref().is_ok_and(std::fs::Metadata::is_dir));
        match about {
            Ok(about) if !about.is_file() => no_files.extend(is_shown(&path).then_some(path)),
            _ if is_shown(&path) => files.push(path),
            _ if has_extension(&path, &OTHER_PICTURES) => others.push(path),
            _ => {}
        }
    }
    if files.is_empty() {
        let hint = match others.first() {
            Some(first) => format!("; convert those of other kinds, such as {}, to .png or .jpg", first.display()),
            None if folders > 0 => "; folders in it are not looked into".into(),
            None => String::new(),
        };
        return Err(CaptureError::NoPictures { folder: folder.into(), hint });
    }
    if let Some(first) = others.first() {
        let count = others.len();
        log::warn!("not read: {count} of other kinds, such as {}; convert them to .png or .jpg", first.display());
    }
    if let Some(first) = no_files.first() {
        let count = no_files.len();
        log::warn!("not read: {count} named like pictures or films, such as {}, which is no file", first.display());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::jpeg::tests::jpeg;

    fn save(folder: &Path, name: &str, grey: u8) {
        image::RgbImage::from_pixel(2, 2, image::Rgb([grey; 3])).save(folder.join(name)).unwrap();
    }

    fn replay(path: &Path, resume: &Resume) -> Replay {
        Replay::open(path, Pace::default(), resume).unwrap()
    }

    /// Number, time in milliseconds, file name and first byte of each frame; errors are left out.
    fn frames(mut replay: Replay) -> Vec<(u32, u128, String, u8)> {
        let mut frame = Frame::default();
        let mut seen = Vec::new();
        loop {
            match replay.capture_into(&mut frame) {
                Ok(Captured::End) => return seen,
                Ok(_) => {
                    let name = frame.source().unwrap().rsplit('/').next().unwrap().to_owned();
                    seen.push((frame.sequence(), frame.captured_at().as_millis(), name, frame.bytes()[0]));
                }
                Err(_) => {}
            }
        }
    }

    #[test]
    fn a_folder_is_replayed_in_natural_order_past_broken_files() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "10.png", 2);
        save(folder.path(), "9.PNG", 1);
        std::fs::write(folder.path().join("9a.jpg"), b"\xff\xd8\xffbroken").unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"").unwrap();
        std::fs::write(folder.path().join("._9.PNG"), b"\0\x05\x16\x07").unwrap();
        std::fs::create_dir(folder.path().join("album.jpg")).unwrap();
        let mut replay = replay(folder.path(), &Resume::default());
        let mut frame = Frame::default();
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::Frame);
        assert_eq!((frame.sequence(), frame.bytes()[0]), (0, 1));
        assert_eq!(frame.source().map(|name| &**name), folder.path().join("9.PNG").to_str());
        assert!(matches!(replay.capture_into(&mut frame), Err(CaptureError::Picture(_))));
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::Frame);
        assert_eq!((frame.sequence(), frame.bytes()[0]), (2, 2));
        assert_eq!(frame.captured_at().as_millis(), 66);
        assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::End);
    }

    #[test]
    fn a_link_to_nothing_is_named_when_its_turn_comes() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "b.png", 1);
        save(folder.path(), "d.png", 1);
        for name in ["a.jpg", "c.mp4"] {
            std::os::unix::fs::symlink("/nowhere/link", folder.path().join(name)).unwrap();
        }
        let mut replay = replay(folder.path(), &Resume::default());
        let mut frame = Frame::default();
        for (broken, number) in [("a.jpg", 1), ("c.mp4", 3)] {
            assert!(replay.capture_into(&mut frame).unwrap_err().to_string().contains(broken));
            assert_eq!(replay.capture_into(&mut frame).unwrap(), Captured::Frame);
            assert_eq!(frame.sequence(), number);
        }
    }

    /// A picture, a film of three frames without a rate, one of two at 10 frames a second, and a
    /// picture.
    fn mixed() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "1.png", 1);
        std::fs::write(folder.path().join("2.mjpeg"), jpeg(8, 8, 20).repeat(3)).unwrap();
        let y4m = b"YUV4MPEG2 W2 H1 F10:1 Cmono XCOLORRANGE=FULL\nFRAME\n12FRAME\n34";
        std::fs::write(folder.path().join("3.Y4M"), y4m).unwrap();
        std::fs::write(folder.path().join("3b.y4m"), "no film").unwrap();
        save(folder.path(), "4.png", 4);
        folder
    }

    #[test]
    fn films_of_a_folder_are_shown_in_their_turn() {
        let expected = [
            (0, 0, "1.png", 1),
            (1, 33, "2.mjpeg", 20),
            (2, 66, "2.mjpeg", 20),
            (3, 99, "2.mjpeg", 20),
            (4, 133, "3.Y4M", b'1'),
            (5, 233, "3.Y4M", b'3'),
            // What is no film has taken a number.
            (7, 299, "4.png", 4),
        ];
        let folder = mixed();
        let seen = frames(replay(folder.path(), &Resume::default()));
        assert_eq!(seen, expected.map(|(number, at, name, byte)| (number, at, name.to_owned(), byte)));
    }

    #[test]
    fn a_run_goes_on_in_the_middle_of_a_film() {
        let folder = mixed();
        let all = frames(replay(folder.path(), &Resume::default()));
        let name = |file: &str| folder.path().join(file).to_str().unwrap().to_owned();
        let resume = Resume {
            done: HashSet::from([name("1.png")]),
            begun: Some(Begun {
                source: name("2.mjpeg"),
                first: 1,
                first_at: Pace::default().time(1),
                last: 2,
                last_at: Pace::default().time(2),
            }),
        };
        assert_eq!(frames(replay(folder.path(), &resume)), all[3..]);
        assert_eq!(frames(replay(&folder.path().join("2.mjpeg"), &resume)), all[3..4]);
    }

    #[test]
    fn a_folder_without_pictures_and_a_missing_path_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| Replay::open(path, Pace::default(), &Resume::default()).err().unwrap().to_string();
        let empty = error(folder.path());
        assert!(empty.contains("holds no picture; expected files named .jpg, .jpeg or .png"), "{empty}");
        std::fs::create_dir(folder.path().join("album")).unwrap();
        assert!(error(folder.path()).ends_with("; folders in it are not looked into"));
        std::fs::write(folder.path().join("IMG_1.HEIC"), []).unwrap();
        let of_a_phone = error(folder.path());
        assert!(of_a_phone.ends_with("IMG_1.HEIC, to .png or .jpg"), "{of_a_phone}");
        let missing = error(&folder.path().join("nothing.png"));
        assert!(missing.starts_with("there is no ") && missing.contains("nothing.png"), "{missing}");
    }

    #[test]
    fn a_png_needs_no_name() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "picture.png", 7);
        let nameless = folder.path().join("picture");
        std::fs::rename(folder.path().join("picture.png"), &nameless).unwrap();
        assert_eq!(frames(replay(&nameless, &Resume::default())).len(), 1);
    }

    #[test]
    fn a_jpeg_needs_no_name_either_to_be_turned_upright() {
        let folder = tempfile::tempdir().unwrap();
        let upright = jpeg(16, 8, 7);
        // Orientation 6: a quarter turn to the right.
        let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let turned = [&upright[..2], exif, &upright[2..]].concat();
        let sizes = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let mut replay = replay(&path, &Resume::default());
            let mut frame = Frame::default();
            let mut sizes = Vec::new();
            while let Ok(Captured::Frame) = replay.capture_into(&mut frame) {
                sizes.push((frame.size().width, frame.size().height));
            }
            sizes
        };
        assert_eq!(sizes("photo", &turned), [(8, 16)]);
        assert_eq!(sizes("upload.tmp", &[&turned[..], b"\0\0and more"].concat()), [(8, 16)]);
        assert_eq!(sizes("stream", &turned.repeat(2)), [(16, 8); 2]);
        assert_eq!(sizes("stream.mjpeg", &turned), [(16, 8)]);
    }

    #[test]
    fn names_break_no_line_and_are_told_apart() {
        assert_eq!(&*name(Path::new("a\nb\u{1b}.jpg")), "a\\nb\\u{1b}.jpg");
        let raw = |bytes: &'static [u8]| name(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        assert_eq!((&*raw(b"gr\xfcn\xff.jpg"), &*raw(b"gr\xfen\xff.jpg")), ("gr\\xfcn\\xff.jpg", "gr\\xfen\\xff.jpg"));
        for (path, expected) in [("./a/b.jpg", "a/b.jpg"), ("a//./b.jpg", "a/b.jpg"), ("../a.jpg", "../a.jpg")] {
            assert_eq!(&*name(Path::new(path)), expected);
        }
        assert_eq!(&*name(Path::new("/a/./b.jpg")), "/a/b.jpg");
    }

    #[test]
    fn a_film_under_way_goes_on_before_files_that_came_meanwhile() {
        let folder = mixed();
        let resume = Resume {
            done: HashSet::from([folder.path().join("1.png").to_str().unwrap().to_owned()]),
            begun: Some(Begun {
                source: folder.path().join("2.mjpeg").to_str().unwrap().to_owned(),
                first: 1,
                first_at: Pace::default().time(1),
                last: 1,
                last_at: Pace::default().time(1),
            }),
        };
        save(folder.path(), "0.png", 9);
        let seen = frames(replay(folder.path(), &resume));
        let files: Vec<&str> = seen.iter().map(|(_, _, name, _)| name.as_str()).collect();
        assert_eq!(files, ["2.mjpeg", "2.mjpeg", "0.png", "3.Y4M", "3.Y4M", "4.png"]);
        assert!(seen.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{seen:?}");
        assert_eq!(seen[0].0, 2);
    }

    #[test]
    fn a_film_whose_first_picture_is_broken_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mjpeg");
        let whole = jpeg(8, 8, 20);
        let mut broken = whole.clone();
        broken.truncate(whole.len() - 40);
        broken.extend(b"\xff\xd9");
        std::fs::write(&path, [broken, whole.repeat(7)].concat()).unwrap();
        let all = frames(replay(&path, &Resume::default()));
        assert_eq!(all.iter().map(|frame| frame.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        let source = path.to_str().unwrap().to_owned();
        let time = |number: u32| Pace::default().time(number);
        let begun = Begun { source, first: 1, first_at: time(1), last: 3, last_at: time(3) };
        let rest = frames(replay(&path, &Resume { done: HashSet::new(), begun: Some(begun) }));
        assert_eq!(rest, all[3..]);
    }

    #[test]
    fn a_film_whose_last_picture_is_broken_leaves_its_number_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let whole = jpeg(8, 8, 20);
        let broken = [&whole[..whole.len() - 40], b"\xff\xd9"].concat();
        std::fs::write(folder.path().join("1.mjpeg"), [whole.repeat(2), broken.repeat(2)].concat()).unwrap();
        save(folder.path(), "2.png", 4);
        let numbers = |resume: &Resume| frames(replay(folder.path(), resume)).iter().map(|f| f.0).collect::<Vec<_>>();
        assert_eq!(numbers(&Resume::default()), [0, 1, 4]);
        let source = folder.path().join("1.mjpeg").to_str().unwrap().to_owned();
        let begun = Begun { source, last: 1, last_at: Pace::default().time(1), ..Begun::default() };
        assert_eq!(numbers(&Resume { done: HashSet::new(), begun: Some(begun) }), [4]);
    }

    #[test]
    fn a_picture_without_its_extension_is_done_once_it_was_recorded() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "photo.png", 1);
        let path = folder.path().join("photo");
        std::fs::rename(folder.path().join("photo.png"), &path).unwrap();
        let begun = Begun { source: path.to_str().unwrap().to_owned(), ..Begun::default() };
        assert_eq!(frames(replay(&path, &Resume { done: HashSet::new(), begun: Some(begun) })), []);
    }

    #[test]
    fn files_of_which_none_was_recorded_are_noticed() {
        let folder = mixed();
        let known = |name: &str| Resume { done: HashSet::from([name.to_owned()]), begun: None };
        let files = files_in(folder.path()).unwrap();
        assert!(!known("album/1.png").is_about_any_of(&files) && Resume::default().is_about_any_of(&files));
        assert!(known(folder.path().join("1.png").to_str().unwrap()).is_about_any_of(&files));
    }
}
