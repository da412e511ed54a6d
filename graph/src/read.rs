//! Reads files that may be endless, silent or folders.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::Error;

/// The longest time that a pipe may deliver no bytes.
const SILENCE: Duration = Duration::from_secs(5);
/// Bytes read from a pipe at a time.
const CHUNK: usize = 1 << 16;

/// Reads the file `path` of at most `limit` bytes. Pipes are read, too, as long as they deliver bytes at least every five
/// seconds.
///
/// # Errors
///
/// [`Error::FileTooLarge`] for more than `limit` bytes, [`Error::NotAFile`] for folders and devices, and [`Error::Io`],
/// also if a pipe is silent.
pub fn read_limited(path: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    let failed = |source| Error::read(path, source);
    // Checked before opening: opening a pipe blocks until a writer opens it.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let too_large = || Error::FileTooLarge { path: path.to_path_buf(), limit };
    let bytes = if metadata.is_file() {
        if metadata.len() > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        // Growing step by step, the buffer would be up to twice as large, and moved while it is read.
        let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        bytes.try_reserve_exact(size).map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
        // The size may be wrong, as in /proc, or may have changed.
        let mut file = File::open(path).map_err(failed)?.take(limit.saturating_add(1));
        file.read_to_end(&mut bytes).map_err(failed)?;
        bytes
    } else if is_pipe(metadata.file_type()) {
        pipe(path, limit, SILENCE).map_err(failed)?
    } else {
        let kind = if metadata.is_dir() { "a folder" } else { "a device" };
        return Err(Error::NotAFile { path: path.to_path_buf(), kind });
    };
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// Up to `limit` bytes of a pipe and at least one more if there are more. Another thread reads, because opening and reading
/// a pipe block until a writer writes; the thread stays blocked if none ever does.
fn pipe(path: &Path, limit: u64, silence: Duration) -> io::Result<Vec<u8>> {
    let (send, receive) = sync_channel::<io::Result<Vec<u8>>>(1);
    let path = path.to_path_buf();
    thread::Builder::new().name("read a pipe".to_owned()).spawn(move || {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return drop(send.send(Err(error))),
        };
        let mut chunk = vec![0; CHUNK];
        loop {
            let part = match file.read(&mut chunk) {
                Ok(0) => return,
                Ok(len) => Ok(chunk[..len].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            // The receiver is gone once the limit is exceeded.
            if part.is_err() | send.send(part).is_err() {
                return;
            }
        }
    })?;
    let mut bytes = Vec::new();
    while bytes.len() as u64 <= limit {
        match receive.recv_timeout(silence) {
            Ok(part) => {
                let part = part?;
                // The reader may be endless, and memory smaller than the limit.
                bytes.try_reserve(part.len()).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
                bytes.extend(part);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let reason =
                    format!("the pipe delivered nothing for {} seconds: give a file", silence.as_secs_f32());
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_the_limit() {
        let path = std::env::temp_dir().join(format!("eightbit read {}", std::process::id()));
        std::fs::write(&path, b"eight").expect("a temporary file");
        assert_eq!(read_limited(&path, 5).expect("five bytes"), b"eight");
        assert!(matches!(read_limited(&path, 4), Err(Error::FileTooLarge { limit: 4, .. })));
        std::fs::remove_file(&path).expect("own file");
        assert!(matches!(read_limited(&path, 4), Err(Error::Io { action: "read", .. })));
        let folder = read_limited(std::env::temp_dir(), 4).expect_err("a folder");
        assert!(matches!(folder, Error::NotAFile { kind: "a folder", .. }), "{folder}");
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_no_files() {
        let endless = read_limited("/dev/zero", u64::MAX).expect_err("endless");
        assert!(matches!(endless, Error::NotAFile { kind: "a device", .. }), "{endless}");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_are_read_and_may_not_be_silent() {
        let path = std::env::temp_dir().join(format!("eightbit pipe {}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        let write = |bytes: &'static [u8]| {
            let path = path.clone();
            thread::spawn(move || std::fs::write(path, bytes))
        };
        let writer = write(b"eight");
        assert_eq!(read_limited(&path, 5).expect("five bytes"), b"eight");
        writer.join().expect("no panic").expect("written");
        let writer = write(b"eight");
        assert!(matches!(read_limited(&path, 4), Err(Error::FileTooLarge { .. })));
        writer.join().expect("no panic").expect("written");
        let silent = pipe(&path, 5, Duration::from_millis(50)).expect_err("no writer");
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
        // Unblocks the reader thread.
        std::fs::write(&path, b"").expect("a reader");
        std::fs::remove_file(&path).expect("own file");
    }
}
