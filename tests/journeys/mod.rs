//! Whole ways through the program, from a real file to its last consequence, by the command line.

mod devices;
mod main_job;
