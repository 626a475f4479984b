//! Programs on a host: run to the end, or in the background for as long as somebody holds them.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tempfile::NamedTempFile;

use super::netns::Host;

/// A program to be run on a host, built up as [`std::process::Command`] is.
pub struct Cmd {
    host: Host,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    input: String,
}

impl Cmd {
    pub(super) fn new(host: &Host, program: &str) -> Self {
        Self {
            host: host.clone(),
            program: program.to_owned(),
            args: vec![],
            env: vec![],
            input: String::new(),
        }
    }

    pub fn arg(mut self, arg: impl ToString) -> Self {
        self.args.push(arg.to_string());
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item: ToString>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.to_string()));
        self
    }

    pub fn env(mut self, key: &str, value: impl ToString) -> Self {
        self.env.push((key.to_owned(), value.to_string()));
        self
    }

    /// What the program reads from its standard input; nothing unless told.
    pub fn input(mut self, text: impl ToString) -> Self {
        self.input = text.to_string();
        self
    }

    /// Runs it, whatever comes of it.
    pub fn output(&self) -> Output {
        self.host.enter(|| {
            let mut child = start(
                self.prepare()
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped()),
            );
            let mut stdin = child.stdin.take().expect("a pipe");
            // From another thread, lest both sides wait for each other. Who does not read gets no more.
            thread::scope(|scope| {
                scope.spawn(move || drop(stdin.write_all(self.input.as_bytes())));
                child.wait_with_output().expect("wait for the program")
            })
        })
    }

    /// Runs it, and gives its standard output. Panics with all it said unless it succeeds.
    pub fn run(&self) -> String {
        let out = self.output();
        let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
        assert!(
            out.status.success(),
            "on {}: {} {}: {}\n{stdout}{stderr}{}",
            self.host.name(),
            self.program,
            self.args.join(" "),
            out.status,
            self.input
        );
        stdout
    }

    /// Starts it. It is killed when the returned value is dropped, or when this process dies.
    pub fn background(&self) -> Background {
        let log = NamedTempFile::new().expect("a file for the log");
        let (stop, stopped) = channel();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", &self.program])
            .args(&self.args)
            .envs(self.env.clone());
        let file = |log: &NamedTempFile| {
            log.as_file()
                .try_clone()
                .expect("a copy of the log's descriptor")
        };
        command
            .stdin(Stdio::null())
            .stdout(file(&log))
            .stderr(file(&log));
        let host = self.host.clone();
        // The death signal comes when the thread that started it ends: this one waits for the stop.
        let keeper = thread::spawn(move || keep(&host, &mut command, &stopped));
        Background {
            stop,
            keeper: Some(keeper),
            log,
        }
    }

    fn prepare(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.clone());
        command
    }
}

/// A program that runs in the background until this is dropped.
pub struct Background {
    stop: Sender<()>,
    keeper: Option<JoinHandle<()>>,
    log: NamedTempFile,
}

impl Background {
    /// All that it has written so far, to standard output and error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("read the log")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn keep(host: &Host, command: &mut Command, stopped: &Receiver<()>) {
    host.join();
    let mut child = start(command);
    let _ = stopped.recv();
    let _ = child.kill();
    let _ = child.wait();
}

fn start(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|e| {
        panic!("{command:?}: {e}: run tests/setup to install what the tests need")
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
