//! Requests as devices send them, written into a buffer that is used again and again.
//!
//! The shape is the native one with a full record: what a real client's post weighs.

use super::course::Course;
use sentinel_model::Time;

/// What stays the same in all posts of one connection.
pub struct PostWriter {
    authority: String,
    body: Vec<u8>,
    request: Vec<u8>,
}

impl PostWriter {
    pub fn new(authority: &str) -> Self {
        Self { authority: authority.to_string(), body: Vec::new(), request: Vec::new() }
    }

    /// The whole request of one post. `unit_id` is named where the credential is a key;
    /// a unit's own token names it by itself.
    pub fn post(
        &mut self,
        course: &Course,
        unit: usize,
        post: u64,
        secret: &str,
        unit_id: Option<&str>,
    ) -> &[u8] {
        self.body.clear();
        self.body.push(b'{');
        if let Some(id) = unit_id {
            text(&mut self.body, "\"unit_id\":\"");
            text(&mut self.body, id);
            text(&mut self.body, "\",");
        }
        text(&mut self.body, "\"location\":");
        let first = course.first_fix_of(post);
        if course.batch() == 1 {
            record(&mut self.body, course, unit, first);
        } else {
            for fix in first..first + u64::from(course.batch()) {
                self.body.push(if fix == first { b'[' } else { b',' });
                record(&mut self.body, course, unit, fix);
            }
            self.body.push(b']');
        }
        self.body.push(b'}');
        self.wrap(secret)
    }

    fn wrap(&mut self, secret: &str) -> &[u8] {
        let request = &mut self.request;
        request.clear();
        text(request, "POST /api/v1/locations HTTP/1.1\r\nHost: ");
        text(request, &self.authority);
        text(request, "\r\nAuthorization: Bearer ");
        text(request, secret);
        text(request, "\r\nContent-Type: application/json\r\nContent-Length: ");
        number(request, self.body.len().try_into().expect("a body fits"), 1);
        text(request, "\r\n\r\n");
        request.extend_from_slice(&self.body);
        request
    }
}

fn record(out: &mut Vec<u8>, course: &Course, unit: usize, fix: u64) {
    let place = course.place(unit, fix);
    text(out, "{\"timestamp\":\"");
    iso(out, course.time(fix));
    text(out, "\",\"coords\":{\"latitude\":");
    degrees(out, place.lat_e6);
    text(out, ",\"longitude\":");
    degrees(out, place.lon_e6);
    text(
        out,
        ",\"speed\":8.2,\"heading\":120,\"accuracy\":5},\"battery\":{\"level\":0.9,\"is_charging\":false}}",
    );
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// At least `width` digits, zeros in front.
fn number(out: &mut Vec<u8>, mut n: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while n > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + u8::try_from(n % 10).expect("one digit");
        n /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

fn degrees(out: &mut Vec<u8>, e6: i64) {
    if e6 < 0 {
        out.push(b'-');
    }
    number(out, e6.unsigned_abs() / 1_000_000, 1);
    out.push(b'.');
    number(out, e6.unsigned_abs() % 1_000_000, 6);
}

/// ISO 8601 with milliseconds. By hand: at half a million fixes a second a general
/// formatter would be what is measured.
fn iso(out: &mut Vec<u8>, time: Time) {
    let ms = time.ms().max(0).unsigned_abs();
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = date(days);
    for (n, width, after) in [(year, 4, b'-'), (month, 2, b'-'), (day, 2, b'T')] {
        number(out, n, width);
        out.push(after);
    }
    let clock = [
        (in_day / 3_600_000, 2, b':'),
        (in_day / 60_000 % 60, 2, b':'),
        (in_day / 1000 % 60, 2, b'.'),
        (in_day % 1000, 3, b'Z'),
    ];
    for (n, width, after) in clock {
        number(out, n, width);
        out.push(after);
    }
}

/// Year, month and day of a count of days since 1970 (the proleptic Gregorian calendar,
/// reckoned in years that begin in March, so that the leap day comes last).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::super::course::Place;
    use super::*;

    #[test]
    fn times_are_written_as_the_model_writes_them() {
        for ms in
            [0, 951_782_399_999, 951_782_400_000, 1_709_164_800_001, 1_795_226_400_123, 4_107_542_400_000]
        {
            let mut out = Vec::new();
            iso(&mut out, Time(ms));
            assert_eq!(String::from_utf8(out).expect("ascii"), Time(ms).to_string());
        }
    }

    #[test]
    fn degrees_keep_their_sign_and_their_zeros() {
        for (e6, written) in [(9_000_001, "9.000001"), (-1, "-0.000001"), (-76_267_300, "-76.267300")] {
            let mut out = Vec::new();
            degrees(&mut out, e6);
            assert_eq!(out, written.as_bytes());
        }
    }

    #[test]
    fn a_post_is_one_whole_request_of_valid_json() {
        let course = Course::new(
            Time(1_795_226_400_000),
            10,
            3,
            vec![Place { lat_e6: 9_931_200, lon_e6: 76_267_300 }],
        );
        let mut writer = PostWriter::new("h:1");
        let request =
            String::from_utf8(writer.post(&course, 0, 2, "s3cret", Some("LOAD-1")).to_vec()).expect("ascii");
        let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("Authorization: Bearer s3cret"));
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["unit_id"], "LOAD-1");
        assert_eq!(body["location"].as_array().map(Vec::len), Some(3));
        assert_eq!(body["location"][0]["timestamp"], course.time(6).to_string());
    }
}
