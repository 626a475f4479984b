//! As much of HTTP/1.1 as the metadata service speaks: a request in, an answer out.

use std::io::{self, BufRead, Read};

/// A request without its body, which has been read and forgotten.
pub struct Request {
    pub method: String,
    pub path: String,
    /// The client wants no further request on this connection.
    pub close: bool,
    headers: Vec<(String, String)>,
}

impl Request {
    /// `None` at the end of the connection.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next())
        else {
            return Err(io::Error::other(format!("not a request line: {line}")));
        };
        let mut request = Self {
            method,
            path,
            close: version == "HTTP/1.0",
            headers: headers(reader)?,
        };
        request.close |= request
            .header("connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let length = request
            .header("content-length")
            .and_then(|v| v.parse().ok())
            .unwrap_or(0);
        io::copy(&mut reader.take(length), &mut io::sink())?;
        Ok(Some(request))
    }

    /// `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

fn headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = vec![];
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(headers);
        }
        if let Some((key, value)) = line.split_once(':') {
            headers.push((key.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
}

pub struct Answer {
    pub status: u16,
    header: Option<String>,
    body: String,
    head_only: bool,
}

impl Answer {
    pub fn text(body: String) -> Self {
        Self {
            status: 200,
            header: None,
            body,
            head_only: false,
        }
    }

    /// With the page that EC2 sends along.
    pub fn error(status: u16) -> Self {
        let reason = reason(status);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>{status} - {reason}</title></head>\
             <body><h1>{status} - {reason}</h1></body></html>\n"
        );
        Self {
            status,
            ..Self::text(body)
        }
    }

    pub fn with_header(mut self, header: String) -> Self {
        self.header = Some(header);
        self
    }

    pub fn without_body_if(mut self, head_only: bool) -> Self {
        self.head_only = head_only;
        self
    }

    /// What goes over the wire; `truncated` promises the whole body and sends the first half of it.
    pub fn bytes(&self, truncated: bool) -> Vec<u8> {
        let body = if self.head_only { "" } else { &self.body };
        let sent = if truncated {
            &body[..body.len() / 2]
        } else {
            body
        };
        let header = self
            .header
            .as_ref()
            .map_or(String::new(), |header| format!("{header}\r\n"));
        let kind = if self.status == 200 {
            "text/plain"
        } else {
            "text/html"
        };
        let (status, reason, length) = (self.status, reason(self.status), self.body.len());
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nServer: EC2ws\r\n\
             {header}\r\n{sent}"
        )
        .into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
