//! The emulator's monitor: the QEMU Machine Protocol, as far as plugging a NIC needs it.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::deadline::{Deadline, Reader, connect};

/// For an answer of the emulator itself, in seconds. Loading a loaded machine takes some.
const PATIENCE: u64 = 30;

pub struct Qmp {
    stream: UnixStream,
    reader: Reader,
    events: Vec<Value>,
}

impl Qmp {
    pub fn connect(path: &Path) -> Self {
        let deadline = Deadline::after(PATIENCE);
        let stream = connect(path, deadline)
            .unwrap_or_else(|e| panic!("the monitor at {}: {e}", path.display()));
        let reader = Reader::new(&stream);
        let mut qmp = Self {
            stream,
            reader,
            events: vec![],
        };
        // The greeting.
        qmp.message(deadline);
        qmp.execute("qmp_capabilities", json!({}));
        qmp
    }

    /// Panics with the emulator's words when it refuses.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Value {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream, "{request}").unwrap_or_else(|e| panic!("{request}: {e}"));
        let deadline = Deadline::after(PATIENCE);
        loop {
            let mut answer = self.message(deadline);
            if answer.get("error").is_some() {
                panic!("{request}: {answer}");
            } else if let Some(value) = answer.get_mut("return") {
                return value.take();
            }
            self.events.push(answer);
        }
    }

    /// Whether an event of this name comes for this device, or has come, within so many seconds.
    pub fn saw(&mut self, event: &str, device: &str, seconds: u64) -> bool {
        let is_it = |e: &Value| e["event"] == event && e["data"]["device"] == device;
        let deadline = Deadline::after(seconds);
        while !self.events.iter().any(is_it) {
            let Some(message) = self.try_message(deadline) else {
                return false;
            };
            self.events.push(message);
        }
        self.events.retain(|e| !is_it(e));
        true
    }

    fn message(&mut self, deadline: Deadline) -> Value {
        self.try_message(deadline)
            .expect("the emulator is alive and answers")
    }

    fn try_message(&mut self, deadline: Deadline) -> Option<Value> {
        let line = self.reader.line(deadline).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("not JSON: {line}: {e}")))
    }
}
