//! A question by HTTP from an address of the caller's choice, over a connection of its own: its answer proves that the
//! packets of this source find their way, out and back.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage, sockopt};

use super::transport::{connect, time_val};
use crate::command;
use crate::gather::Gather;

/// How many are asked at once.
const TOGETHER: usize = 32;

/// The most that is read of an answer, in bytes.
const LONGEST: u64 = 8 * 1024;

/// How long an answer is waited for: longer than the kernel asks for a router (three ARP requests in as many seconds).
const LIMIT: Duration = Duration::from_millis(3500);

/// The port of a URL that names none.
const HTTP: u16 = 80;

/// `http://HOST[:PORT][/PATH]`: a service that answers with the address that it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    path: String,
}

impl Url {
    /// Reads it.
    ///
    /// # Errors
    /// Says what it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_graphic();
        let rest = text
            .strip_prefix("http://")
            .filter(|rest| rest.chars().all(is_plain));
        let (host, path) = match rest {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", ""),
        };
        if host.is_empty() || host.contains('@') {
            return Err("expected http://HOST[:PORT][/PATH] (no https)".to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            path: format!("/{path}"),
        })
    }

    /// The question at each of the host's addresses; none where it does not resolve.
    pub fn questions(&self) -> Vec<Question> {
        let question = |to| Question {
            to,
            head: format!("GET {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.host),
        };
        self.ends().into_iter().map(question).gathered()
    }

    fn ends(&self) -> Vec<SocketAddr> {
        if let Ok(end) = self.host.parse() {
            return vec![end];
        }
        let plain = self.host.trim_matches(['[', ']']).parse();
        let (name, port) = self.host.rsplit_once(':').unwrap_or((&self.host, ""));
        let (all, port) = match (plain, port.parse()) {
            (Ok(ip), _) => (vec![ip], HTTP),
            (_, Ok(port)) => (named(name), port),
            _ => (named(&self.host), HTTP),
        };
        all.into_iter().map(|ip| (ip, port).into()).gathered()
    }
}

fn named(name: &str) -> Vec<IpAddr> {
    command::addresses(name, LIMIT).unwrap_or_default()
}

/// Whom to ask, and the first lines of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    to: SocketAddr,
    head: String,
}

impl Question {
    /// For what the metadata service has at any time. The token is none, which keeps IMDSv1 out of it; any answer will do.
    pub(super) fn metadata(to: SocketAddr) -> Self {
        Self {
            to,
            head: format!(
                "GET /latest/meta-data/mac HTTP/1.1\r\nHost: {to}\r\nX-aws-ec2-metadata-token: none\r\n"
            ),
        }
    }

    /// One that can be asked from `source`.
    pub fn suits(&self, source: IpAddr) -> bool {
        self.to.is_ipv4() == source.is_ipv4() && !self.to.ip().is_loopback()
    }
}

/// Asks each question from its address; the answers' texts, in their order.
pub fn ask_from(asked: &[(IpAddr, Question)]) -> Vec<Option<String>> {
    let part = |part: &[(IpAddr, Question)]| -> Vec<Option<String>> {
        thread::scope(|scope| {
            let begin = |(from, question): &_| {
                let (from, question): (IpAddr, Question) = (*from, Question::clone(question));
                let thread = thread::Builder::new();
                thread
                    .spawn_scoped(scope, move || one(from, &question).ok())
                    .ok()
            };
            let begun: Vec<_> = part.iter().map(begin).gathered();
            let ended = begun
                .into_iter()
                .map(|thread| thread?.join().ok().flatten());
            ended.gathered()
        })
    };
    asked.chunks(TOGETHER).flat_map(part).gathered()
}

fn one(from: IpAddr, question: &Question) -> io::Result<String> {
    let end = Instant::now() + LIMIT;
    let family = if from.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    socket::bind(
        fd.as_raw_fd(),
        &SockaddrStorage::from(SocketAddr::new(from, 0)),
    )?;
    socket::setsockopt(&fd, sockopt::SendTimeout, &time_val(LIMIT))?;
    connect(&fd, question.to)?;
    let mut stream = TcpStream::from(fd);
    let left = end.saturating_duration_since(Instant::now());
    stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    stream.write_all(format!("{}Connection: close\r\n\r\n", question.head).as_bytes())?;
    let mut answer = Vec::new();
    // What came before the time was over is an answer, too.
    let ended = stream.take(LONGEST).read_to_end(&mut answer);
    if answer.is_empty() {
        ended?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The first address in the body of an answer.
pub fn address_in(answer: &str) -> Option<IpAddr> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let mut words = body.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'));
    words.find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_maybe_a_port_and_a_path() {
        for (text, host, path) in [
            ("http://echo.example", "echo.example", "/"),
            ("http://8.8.8.8:8080/ip?v=4", "8.8.8.8:8080", "/ip?v=4"),
            ("http://[2001:db8::1]/", "[2001:db8::1]", "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((&url.host[..], &url.path[..]), (host, path));
        }
        for wrong in [
            "",
            "8.8.8.8",
            "https://8.8.8.8",
            "http://",
            "http:///x",
            "http://a@b",
            "http://a/b c",
            "http://a\r\n",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
        let to = |text: &str| Url::parse(text).unwrap().questions()[0].to.to_string();
        assert_eq!(to("http://8.8.8.8/x"), "8.8.8.8:80");
        assert_eq!(to("http://[2001:db8::1]:81"), "[2001:db8::1]:81");
    }

    #[test]
    fn the_address_is_found_in_whatever_a_service_says_around_it() {
        let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nDate: 10.0.0.1\r\n\r\n{body}");
        for body in [
            "203.0.113.9\n",
            "{\"ip\": \"203.0.113.9\"}",
            "<b>203.0.113.9</b>",
        ] {
            assert_eq!(address_in(&answer(body)), Some([203, 0, 113, 9].into()));
        }
        assert_eq!(
            address_in(&answer("2001:db8::9")).unwrap().to_string(),
            "2001:db8::9"
        );
        assert_eq!(address_in(&answer("none")), None);
    }
}
