//! Which errors say that Redis is away.

use super::{bus::BusError, positions::PositionError, rooms::RoomError};
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::error::Error;

/// Whether this is an error because no server answers that can do it, and not of what was asked.
pub fn is_away(error: &(dyn Error + 'static)) -> bool {
    let of_bus = || match error.downcast_ref()? {
        BusError::Redis(error) => Some(error),
        _ => None,
    };
    let of_rooms = || match error.downcast_ref()? {
        RoomError::Redis(error) => Some(error),
        _ => None,
    };
    let of_positions = || match error.downcast_ref()? {
        PositionError::Redis(error) => Some(error),
        _ => None,
    };
    let error = error.downcast_ref().or_else(of_bus).or_else(of_rooms).or_else(of_positions);
    error.is_some_and(|error: &RedisError| {
        matches!(
            error.kind(),
            ErrorKind::Io
                | ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Server(
                    ServerErrorKind::BusyLoading
                        | ServerErrorKind::ClusterDown
                        | ServerErrorKind::MasterDown
                        | ServerErrorKind::ReadOnly
                )
        )
    })
}
