//! The embedded engines that need no disk: positions, rooms and the bus of one process.

mod bus;
mod grid;
mod positions;
mod rooms;

pub use bus::MemoryBus;
pub use positions::MemoryPositions;
pub use rooms::MemoryRooms;
