//! The floor to measure against: the least that any tool has to do. A keep-alive metadata client that asks for
//! nothing needless, and `ip -batch` runs for a known list of objects. It plans nothing and uses none of eniroute's code.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::vpc::{Host, IMDS};

/// Reads 2 + 3 values an ENI: the token, the primary MAC, and three keys of each ENI.
pub fn read_metadata(guest: &Host, macs: &[String]) -> io::Result<()> {
    guest.enter(|| {
        let mut client = Client::connect()?;
        let token = client.ask(
            "PUT /latest/api/token",
            "X-aws-ec2-metadata-token-ttl-seconds: 60",
        )?;
        let header = format!("X-aws-ec2-metadata-token: {token}");
        client.ask("GET /latest/meta-data/mac", &header)?;
        for mac in macs {
            for key in ["device-number", "local-ipv4s", "subnet-ipv4-cidr-block"] {
                client.ask(
                    &format!("GET /latest/meta-data/network/interfaces/macs/{mac}/{key}"),
                    &header,
                )?;
            }
        }
        Ok(())
    })
}

struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect() -> io::Result<Self> {
        let stream = TcpStream::connect((IMDS, 80))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::new(stream),
        })
    }

    /// The body of the answer, which must be a 200.
    fn ask(&mut self, what: &str, header: &str) -> io::Result<String> {
        let request = format!("{what} HTTP/1.1\r\nHost: {IMDS}\r\n{header}\r\n\r\n");
        self.reader.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(io::Error::other(format!("{what}: {line}")));
        }
        let mut body = vec![0; self.content_length()?];
        self.reader.read_exact(&mut body)?;
        String::from_utf8(body).map_err(io::Error::other)
    }

    fn content_length(&mut self) -> io::Result<usize> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => {
                    length = value.parse().map_err(io::Error::other)?
                }
                Some(_) => {}
                None => return Ok(length),
            }
        }
    }
}

/// The objects, as lines for `ip -batch`.
pub struct Objects {
    make: String,
    /// IPv6 before the rest: all IPv6 of a link goes when the link goes down.
    take_back: [String; 2],
}

impl Objects {
    /// From the `ip` commands of `eniroute plan`.
    pub fn of_commands(commands: &[String]) -> Self {
        // The floor does without the settings of links.
        let commands = commands.iter().filter(|command| command.starts_with("ip "));
        let lines: Vec<_> = commands.map(|command| batch_line(command)).collect();
        let back = lines.iter().rev().map(|line| inverse(line));
        let (v6, other): (Vec<_>, Vec<_>) = back.partition(|line| line.starts_with("-6 "));
        Self {
            make: lines.join("\n"),
            take_back: [v6.join("\n"), other.join("\n")],
        }
    }

    pub fn count(&self) -> usize {
        self.make.lines().count()
    }

    pub fn make(&self, guest: &Host) {
        guest.ip_batch(&self.make);
    }

    pub fn take_back(&self, guest: &Host) {
        self.take_back
            .iter()
            .for_each(|lines| guest.ip_batch(lines));
    }
}

/// A batch speaks one family, IPv4 unless the line begins with `-6`.
fn batch_line(command: &str) -> String {
    let line = command.strip_prefix("ip ").unwrap_or(command);
    line.strip_prefix("-4 ").unwrap_or(line).to_owned()
}

fn inverse(line: &str) -> String {
    let line = line.replace(" add ", " del ").replace(" replace ", " del ");
    let line = line.strip_suffix(" nodad noprefixroute").unwrap_or(&line);
    line.strip_suffix(" up")
        .map_or(line.to_owned(), |link| format!("{link} down"))
}
