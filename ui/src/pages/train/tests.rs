//! Page Train driven by role and label.
