//! Files that nobody should have made, given to the real program: each ends in a sentence, in bounded time and memory.
//!
//! `files/` is the kept corpus, made by `make.py` with other people's writers; what would be large is made while the test runs.

mod cases;
mod corpus;
mod large;
mod places;
mod program;
mod training;
