//! Which instance this is, and where: what commands in AWS need.

use super::Source;
use super::keys::lines;

/// The longest id or name of a region that AWS gives is shorter.
const LONGEST: usize = 64;

/// What cannot be read is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-0123456789abcdef0`
    pub id: Option<String>,
    /// `ap-southeast-2`
    pub region: Option<String>,
}

impl Instance {
    /// Reads it, by two requests.
    pub fn read(source: &mut dyn Source) -> Self {
        let mut word = |key| word(&source.get(key).ok()??);
        Self {
            id: word("instance-id"),
            region: word("placement/region"),
        }
    }
}

/// It becomes a part of commands.
fn word(text: &str) -> Option<String> {
    let word = lines(text).next().filter(|word| word.len() <= LONGEST)?;
    let mut bytes = word.bytes();
    let is_plain = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| word.to_owned())
}
