//! Requests of devices as text, the way the decoder's corpus keeps them: a request line,
//! headers, an empty line, the body. Anything at all reads as one.

use sentinel_server::ingest::decode::Incoming;

#[derive(Debug, Default)]
pub struct Request {
    pub query: String,
    pub user_agent: String,
    pub user: String,
    pub device: String,
    /// Whether a unit's own token came along.
    pub by_unit: bool,
    pub body: Vec<u8>,
}

impl Request {
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|two| two == b"\n\n");
        let (head, body) = end.map_or((bytes, &[][..]), |end| (&bytes[..end], &bytes[end + 2..]));
        // As the server has them: text, whatever was sent.
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default();
        let (method, target) = line.split_once(' ').unwrap_or(("POST", line));
        let target = target.strip_suffix(" HTTP/1.1").unwrap_or(target);
        let mut request = Self {
            query: target.split_once('?').map_or("", |(_, query)| query).to_owned(),
            // What comes with a GET is not looked at.
            body: if method == "GET" { Vec::new() } else { body.to_owned() },
            ..Self::default()
        };
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "user-agent" => request.user_agent = value.to_owned(),
                "x-limit-u" => request.user = value.to_owned(),
                "authorization" => request.by_unit = true,
                "x-limit-d" => request.device = value.to_owned(),
                // The shape tells the format, not the content type.
                _ => {}
            }
        }
        request
    }

    pub fn incoming(&self) -> Incoming<'_> {
        let Self { query, user_agent, user, device, by_unit, body } = self;
        Incoming { query, body, user_agent, user, device, by_unit: *by_unit }
    }
}
