//! Who is asking.

pub struct Access;
