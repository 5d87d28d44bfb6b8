//! The embedded engines that need no disk: positions, rooms and the bus of one process;
//! and an archive that forgets, for tests and tries of what writes to one.

mod archive;
mod bus;
mod grid;
mod positions;
mod rooms;

pub use archive::MemoryArchive;
pub use bus::MemoryBus;
pub use positions::MemoryPositions;
pub use rooms::MemoryRooms;
