//! Page Runs driven by role and label.
