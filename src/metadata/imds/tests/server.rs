//! A metadata service for tests, on a listener of the test's choice: it demands the session token in
//! every request, keeps a log, and misbehaves on demand. Plain std, so that it can break HTTP.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request as it came: the request line without the HTTP version, and the headers.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn read(from: &mut impl BufRead) -> Option<Self> {
        let mut lines = from
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let line = lines.next()?;
        let header = |line: String| {
            line.split_once(": ")
                .map(|(key, value)| (key.to_lowercase(), value.to_string()))
        };
        Some(Self {
            line: line.trim_end_matches(" HTTP/1.1").into(),
            headers: lines.filter_map(header).collect(),
        })
    }
}

/// What the service does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends these bytes and goes on.
    Send(Vec<u8>),
    /// Sends these bytes, perhaps none, and closes.
    Close(Vec<u8>),
    /// Sends these bytes one by one, 20 ms apart, and closes.
    Drip(Vec<u8>),
    /// Says nothing until the client gives up.
    Hang,
}

pub fn status(status: &str, body: &[u8]) -> Act {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Act::Send([head.as_bytes(), body].concat())
}

/// What EC2 does: tokens by PUT, values for a valid token only.
#[derive(Debug, Default)]
pub struct Ec2 {
    pub tokens: u32,
}

impl Ec2 {
    pub const MAC: &str = "06:ce:dd:28:5b:b8";

    pub fn answer(&mut self, request: &Request) -> Act {
        let token = format!("AQAEAL{}==", self.tokens);
        match request.line.as_str() {
            "PUT /latest/api/token" => match request
                .header("x-aws-ec2-metadata-token-ttl-seconds")
                .map(str::parse)
            {
                Some(Ok(1..=21600u32)) => self.issue(),
                _ => status("400 Bad Request", b""),
            },
            _ if request.header("x-aws-ec2-metadata-token") != Some(&token) => {
                status("401 Unauthorized", b"")
            }
            "GET /latest/meta-data/mac" => status("200 OK", Self::MAC.as_bytes()),
            "GET /latest/meta-data/local-ipv4" => status("200 OK", b"172.31.41.29"),
            _ => status(
                "404 Not Found",
                b"<?xml version=\"1.0\"?><title>404 - Not Found</title>",
            ),
        }
    }

    /// From now on only the new token is valid.
    fn issue(&mut self) -> Act {
        self.tokens += 1;
        status("200 OK", format!("AQAEAL{}==", self.tokens).as_bytes())
    }
}

type Script = Box<dyn FnMut(&mut Ec2, &Request, usize) -> Act + Send>;

struct State {
    ec2: Ec2,
    script: Script,
    log: Vec<Request>,
    connections: usize,
}

pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A service on the loopback; `script` is asked for every request, with its number from 0.
    pub fn start(script: impl FnMut(&mut Ec2, &Request, usize) -> Act + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    pub fn on(
        listener: TcpListener,
        script: impl FnMut(&mut Ec2, &Request, usize) -> Act + Send + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let state = State {
            ec2: Ec2::default(),
            script: Box::new(script),
            log: Vec::new(),
            connections: 0,
        };
        let (state, closed) = (
            Arc::new(Mutex::new(state)),
            Arc::new(AtomicBool::new(false)),
        );
        let (shared, stop) = (state.clone(), closed.clone());
        let thread = thread::spawn(move || accept(&listener, &shared, &stop));
        Self {
            address,
            state,
            closed,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request lines so far, without the HTTP version.
    pub fn lines(&self) -> Vec<String> {
        self.log()
            .iter()
            .map(|request| request.line.clone())
            .collect()
    }

    pub fn log(&self) -> Vec<Request> {
        self.state.lock().unwrap().log.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Refuses new connections; those that are open go on.
    pub fn stop_listening(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes `accept`; where it cannot, the thread ends with the process.
        if TcpStream::connect(self.address).is_ok() {
            self.thread
                .take()
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>, stop: &AtomicBool) {
    for stream in listener.incoming().map_while(Result::ok) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        state.lock().unwrap().connections += 1;
        let state = state.clone();
        thread::spawn(move || serve(&stream, &state));
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader) {
        if !perform(stream, decide(state, request)).unwrap_or(false) {
            break;
        }
    }
    // The client may have gone already.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Whether the connection goes on.
fn perform(mut stream: &TcpStream, act: Act) -> io::Result<bool> {
    match act {
        Act::Send(bytes) => stream.write_all(&bytes).map(|()| true),
        Act::Close(bytes) => stream.write_all(&bytes).map(|()| false),
        Act::Drip(bytes) => {
            let mut drip = bytes
                .chunks(1)
                .inspect(|_| thread::sleep(Duration::from_millis(20)));
            drip.try_for_each(|byte| stream.write_all(byte))
                .map(|()| false)
        }
        Act::Hang => Ok(true),
    }
}

fn decide(state: &Mutex<State>, request: Request) -> Act {
    let State {
        ec2, script, log, ..
    } = &mut *state.lock().unwrap();
    let number = log.len();
    log.push(request);
    script(ec2, &log[number], number)
}
