//! Page Data driven by role and label.
