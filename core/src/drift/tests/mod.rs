mod baseline;
mod counting;
mod scores;
mod windows;
