mod mover;
mod track;
