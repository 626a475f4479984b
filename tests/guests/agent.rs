//! The test's hand in the guest: scripts and files by a virtio port, so that no network is needed. The
//! other end is `images/common/usr/local/sbin/agent`, which describes the protocol.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::deadline::{Deadline, Reader, connect};

pub struct Agent {
    stream: UnixStream,
    reader: Reader,
}

/// What a script came to.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    /// Standard output and error, as they came.
    pub output: String,
}

impl Agent {
    pub fn connect(path: &Path, deadline: Deadline) -> Self {
        let stream = connect(path, deadline)
            .unwrap_or_else(|e| panic!("the agent's port at {}: {e}", path.display()));
        let reader = Reader::new(&stream);
        Self { stream, reader }
    }

    /// Waits for the agent of a boot other than `last`, and gives that boot's ID.
    pub fn greeting(&mut self, last: &str, deadline: Deadline) -> io::Result<String> {
        loop {
            match self.reader.line(deadline)?.strip_prefix("BOOT ") {
                Some(id) if id != last => return Ok(id.to_owned()),
                // The end of what the last boot had to say.
                _ => {}
            }
        }
    }

    /// Runs a bash script as root.
    pub fn run(&mut self, script: &str, deadline: Deadline) -> io::Result<Ran> {
        self.ask(
            &format!("RUN {}", script.len()),
            script.as_bytes(),
            deadline,
        )
    }

    /// Has a script run that ends this boot: nobody may be left to answer.
    pub fn tell(&mut self, script: &str) -> io::Result<()> {
        write!(self.stream, "RUN {}\n{script}", script.len())
    }

    /// Writes a file, with an octal mode, and the folders above it.
    pub fn put(
        &mut self,
        content: &[u8],
        mode: &str,
        path: &str,
        deadline: Deadline,
    ) -> io::Result<Ran> {
        self.ask(
            &format!("PUT {} {mode} {path}", content.len()),
            content,
            deadline,
        )
    }

    fn ask(&mut self, head: &str, body: &[u8], deadline: Deadline) -> io::Result<Ran> {
        self.stream.write_all(format!("{head}\n").as_bytes())?;
        self.stream.write_all(body)?;
        let line = self.reader.line(deadline)?;
        let (status, length) = answer_head(&line)
            .ok_or_else(|| io::Error::other(format!("not an answer: `{line}`")))?;
        let output = self.reader.bytes(length, deadline)?;
        Ok(Ran {
            status,
            output: String::from_utf8_lossy(&output).into_owned(),
        })
    }
}

fn answer_head(line: &str) -> Option<(i32, usize)> {
    let (status, length) = line.split_once(' ')?;
    Some((status.parse().ok()?, length.parse().ok()?))
}
