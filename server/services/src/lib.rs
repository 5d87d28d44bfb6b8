//! Starts the real services that tests and load runs need.
