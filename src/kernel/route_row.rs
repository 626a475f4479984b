//! Routes in a list: those of the kernel's own table are passed over unread, as there is more than one for each address.

use std::io::Cursor;

use neli::FromBytesWithInput;
use neli::err::DeError;
use neli::rtnl::Rtmsg;

use super::reply::in_place;

/// Where `struct rtmsg` has the table: behind the family, two lengths and the type of service.
const TABLE_AT: usize = 4;
/// `RT_TABLE_LOCAL`
const LOCAL: u8 = 255;

/// One of the kernel's own table, or another one, in full.
#[derive(Debug)]
pub(super) enum Row {
    Local,
    Other(Rtmsg),
}

impl FromBytesWithInput for Row {
    type Input = usize;

    fn from_bytes_with_input(
        buffer: &mut Cursor<impl AsRef<[u8]>>,
        length: usize,
    ) -> Result<Self, DeError> {
        let is_local = |message: &[u8]| message.get(TABLE_AT) == Some(&LOCAL);
        match in_place(buffer, length, |row| is_local(row).then_some(Self::Local)) {
            Some(row) => Ok(row),
            None => Rtmsg::from_bytes_with_input(buffer, length).map(Self::Other),
        }
    }
}
