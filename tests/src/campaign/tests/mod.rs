//! What is drawn, what must hold, and the table.

mod checking;
mod drawing;
mod tables;
