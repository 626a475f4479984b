//! One HTTP request to one endpoint, and what its answer means. Never repeats a request that was
//! answered, never waits: that is [`super::Imds`]'s part.

use std::time::{Duration, Instant};

use log::debug;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use super::endpoint::Way;
use super::pace;
use super::transport::Dialer;
use crate::gather::Gather;
use crate::metadata::keys::MACS;

/// Seconds, 1 to 21600. Long enough for a run; a token that ends earlier is renewed.
const TOKEN_TTL: &str = "300";

/// The longest list of a real instance (60 ENIs' MACs, or 50 IPv6 addresses) has some 2 KiB.
const LONGEST_BODY: u64 = 64 * 1024;

/// How much of an error's body is worth showing.
const EXCERPT: usize = 120;

/// Why a request brought no value.
#[derive(Debug)]
pub(super) enum Fault {
    /// A clear answer that no repetition changes.
    Refused(String),
    /// 401: the token is not, or no longer, valid.
    Unauthorized(String),
    /// It may pass: nobody there, too late, throttled, broken.
    Trouble(String),
}

/// Speaks to one endpoint over one keep-alive connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) way: Way,
    /// Made for the first request: there are two ways for each NIC, and one is gone mostly.
    agent: Option<Agent>,
    dialer: Dialer,
    /// Requests sent so far.
    pub(super) sent: u32,
}

impl Client {
    pub(super) fn new(way: Way) -> Self {
        let dialer = Dialer::new(way.clone());
        Self {
            agent: None,
            way,
            dialer,
            sent: 0,
        }
    }

    /// Asks for a session token. Only the unversioned path has it.
    pub(super) fn token(&mut self, limit: Duration) -> Result<String, Fault> {
        let url = format!("{}/latest/api/token", self.way.endpoint);
        let token = self.exchange("PUT", &url, |agent| {
            let request = agent
                .put(&url)
                .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL);
            request
                .config()
                .timeout_global(Some(limit))
                .build()
                .send_empty()
        })?;
        match token {
            Some(token) if is_token(&token) => Ok(token),
            Some(_) => Err(Fault::Trouble("what came as a token is none".into())),
            None => Err(Fault::Refused(
                "it has no IMDSv2 session tokens (404): is this EC2's?".into(),
            )),
        }
    }

    /// Reads `path` below `/latest/meta-data/`; `None` for 404.
    pub(super) fn value(
        &mut self,
        path: &str,
        token: &str,
        limit: Duration,
    ) -> Result<Option<String>, Fault> {
        let url = format!("{}/latest/meta-data/{path}", self.way.endpoint);
        let answer = self.exchange("GET", &url, |agent| {
            let request = agent.get(&url).header("x-aws-ec2-metadata-token", token);
            request.config().timeout_global(Some(limit)).build().call()
        });
        match answer {
            Ok(Some(text)) if text.trim().is_empty() && !is_of_one_eni(path) => {
                Err(Fault::Trouble("the answer is empty".into()))
            }
            Ok(Some(text)) => {
                pace::answer(self.way.endpoint.address().ip(), text.len());
                Ok(Some(text))
            }
            answer => answer,
        }
    }

    /// A request goes now, or as soon as it may.
    fn count(&mut self) {
        self.sent += 1;
        pace::request(self.way.endpoint.address().ip());
    }

    /// Whether anything answers, whatever it says: a refusal (403), a busy service (429, 5xx) and one that rejects the
    /// token (401) have been reached as well. So no token is needed; the one that is sent keeps IMDSv1 out of it.
    pub(super) fn answers(&mut self, path: &str, limit: Duration) -> Result<(), Fault> {
        self.count();
        let url = format!("{}/latest/meta-data/{path}", self.way.endpoint);
        let request = self
            .agent()
            .get(&url)
            .header("x-aws-ec2-metadata-token", "none");
        let answer = request.config().timeout_global(Some(limit)).build().call();
        answer
            .map(drop)
            .map_err(|error| Fault::Trouble(cause(&error)))
    }

    fn agent(&mut self) -> Agent {
        let made = self.agent.get_or_insert_with(|| agent(&self.dialer));
        made.clone()
    }

    /// Sends once; or twice, when a kept connection turns out to be dead: a server may close it at
    /// any moment, and both our requests can be repeated safely.
    fn exchange(
        &mut self,
        method: &str,
        url: &str,
        send: impl Fn(&Agent) -> Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Option<String>, Fault> {
        self.count();
        let dialed = self.dialer.dialed();
        let start = Instant::now();
        let agent = self.agent();
        let mut response = send(&agent);
        let kept = self.dialer.dialed() == dialed;
        if kept && matches!(response, Err(ureq::Error::Io(_))) {
            debug!("{method} {url}: the kept connection was dead, opening another");
            self.count();
            response = send(&agent);
        }
        let answer = response
            .map_err(|error| Fault::Trouble(cause(&error)))
            .and_then(|response| {
                debug!(
                    "{method} {url}: {} ({} ms)",
                    response.status(),
                    start.elapsed().as_millis()
                );
                judge(response)
            });
        if let Err(Fault::Trouble(why)) = &answer {
            debug!("{method} {url}: {why}");
        }
        answer
    }
}

/// No proxy from the environment: link-local traffic through one would reach another instance's service.
fn agent(dialer: &Dialer) -> Agent {
    let config = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(1)
        .max_response_header_size(8 * 1024)
        .user_agent(concat!("eniroute/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, dialer.clone(), dialer.clone())
}

/// Reads the body in any case: only a connection read to the end can be used again.
fn judge(mut response: Response<ureq::Body>) -> Result<Option<String>, Fault> {
    let status = response.status();
    let body = response
        .body_mut()
        .with_config()
        .limit(LONGEST_BODY)
        .read_to_vec();
    let whole =
        |error: ureq::Error| Fault::Trouble(format!("{status}, but the body: {}", cause(&error)));
    match status {
        StatusCode::OK => body.map_err(whole).and_then(text).map(Some),
        StatusCode::NOT_FOUND => body.map(|_| None).map_err(whole),
        _ => Err(by_status(status, &excerpt(&body.unwrap_or_default()))),
    }
}

fn text(body: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(body).map_err(|_| Fault::Trouble("the answer is not UTF-8".into()))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// EC2 answers nothing of ours with an empty body, so an empty one is a value that is not there yet. What one ENI lacks
/// concerns that one alone.
fn is_of_one_eni(path: &str) -> bool {
    path.len() > MACS.len() && path.starts_with(MACS)
}

fn by_status(status: StatusCode, body: &str) -> Fault {
    match status.as_u16() {
        401 => Fault::Unauthorized(format!("{status}{body}")),
        403 => Fault::Refused(format!(
            "it is turned off, or a firewall refuses this process ({status}{body}); turn it on with `aws ec2 \
             modify-instance-metadata-options --instance-id ID --http-endpoint enabled`"
        )),
        429 | 500.. => Fault::Trouble(format!("it answers {status}{body}")),
        300..400 => Fault::Refused(format!(
            "it redirects ({status}), which EC2's never does: is this EC2?"
        )),
        400..500 => Fault::Refused(format!("it answers {status}{body}: is this EC2's IMDSv2?")),
        _ => Fault::Trouble(format!("unexpected status {status}{body}")),
    }
}

/// The beginning of a body on one line, safe for a terminal; empty, or led by `: `.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let mut shown: String = text.chars().take(EXCERPT).map(escaped).gathered();
    if text.chars().nth(EXCERPT).is_some() {
        shown.push_str("...");
    }
    if shown.is_empty() {
        shown
    } else {
        format!(": {shown}")
    }
}

/// Controls and invisible characters as `\u{..}`, all else as it is.
fn escaped(c: char) -> String {
    match c {
        '"' | '\'' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    }
}

/// The error in words that need no knowledge of the HTTP library.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "no answer in time".into(),
        ureq::Error::BodyExceedsLimit(limit) => format!("more than {limit} bytes"),
        error => format!("not an HTTP answer ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_has_no_control_characters() {
        assert_eq!(excerpt(b" \n"), "");
        assert_eq!(
            excerpt(b"<h1>it's \"off\"</h1>\r\n"),
            ": <h1>it's \"off\"</h1>"
        );
        assert_eq!(excerpt(b"a\x1b[31m\nb\xff"), ": a\\u{1b}[31m\\nb\u{fffd}");
        assert_eq!(
            excerpt(&[b'x'; 500]),
            format!(": {}...", "x".repeat(EXCERPT))
        );
    }
}
