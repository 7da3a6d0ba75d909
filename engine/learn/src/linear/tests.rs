//! Tests of linear models against scikit-learn and against themselves.
