//! The values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, September 2025).

use super::{Admission, RateLimitPolicy};

/// `"burst";q=100;w=60, "daily";q=1000;w=86400`
pub fn policy_header(policies: &[RateLimitPolicy]) -> String {
    let one =
        |policy: &RateLimitPolicy| format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window_secs);
    policies.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `"burst";r=50;t=30, "daily";r=900;t=86000`. Of a refused request, `t` of the limits that refused it is never later
/// than `Retry-After`.
pub fn rate_limit_header(policies: &[RateLimitPolicy], admission: &Admission) -> String {
    let one = |(policy, quota): (&RateLimitPolicy, &super::Quota)| {
        format!("\"{}\";r={};t={}", policy.name, quota.remaining, quota.reset_secs)
    };
    policies.iter().zip(&admission.quotas).map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::{Counting, RateLimiter};
    use super::*;
    use crate::traffic::time::Nanos;

    #[test]
    fn headers_say_what_is_left_and_when_it_is_back() {
        let sliding = Counting::SlidingWindow;
        let daily = RateLimitPolicy { counting: sliding, ..RateLimitPolicy::new("daily", 3, 86_400) };
        let mut limiter = RateLimiter::new(vec![RateLimitPolicy::new("burst", 2, 60), daily], 10).unwrap();
        let policies = limiter.policies().to_vec();
        assert_eq!(policy_header(&policies), r#""burst";q=2;w=60, "daily";q=3;w=86400"#);
        let now = Nanos::from_secs(1000.0);
        let first = limiter.admit(1, now);
        assert_eq!(rate_limit_header(&policies, &first), r#""burst";r=1;t=30, "daily";r=2;t=86400"#);
        assert!(limiter.admit(1, now).allowed);
        let third = limiter.admit(1, now);
        assert!(!third.allowed && limiter.admit(2, now).allowed, "keys do not touch each other");
        assert_eq!(rate_limit_header(&policies, &third), r#""burst";r=0;t=30, "daily";r=1;t=86400"#);
        assert_eq!(third.retry_after_secs(), Some(30));
        let later = limiter.admit(1, now + Nanos::from_secs(30.0));
        assert!(later.allowed && later.retry_after_secs().is_none());
        let spent = limiter.admit(1, now + Nanos::from_secs(60.0));
        assert_eq!((spent.allowed, spent.retry_after_secs()), (false, Some(86_340)));
    }

    #[test]
    fn made_up_keys_cannot_fill_the_memory() {
        let mut limiter = RateLimiter::new(vec![RateLimitPolicy::new("a", 1, 60)], 2).unwrap();
        let now = Nanos::from_secs(5.0);
        assert!(limiter.admit(1, now).allowed && limiter.admit(2, now).allowed);
        let third = limiter.admit(3, now);
        assert_eq!((third.allowed, third.retry_after_secs()), (false, Some(1)));
        assert!(limiter.admit(3, now + Nanos::from_secs(60.0)).allowed, "whole quotas are forgotten");
        assert_eq!(limiter.forget(now + Nanos::from_secs(120.0)), 0);
    }

    #[test]
    fn fields_are_checked() {
        let error = |policy| RateLimiter::new(vec![policy], 1).unwrap_err().field;
        assert_eq!(error(RateLimitPolicy::new("a\"b", 1, 1)), "policies[0].name");
        assert_eq!(error(RateLimitPolicy::new("a", 0, 1)), "policies[0].quota");
        assert_eq!(
            error(RateLimitPolicy { burst: Some(9), ..RateLimitPolicy::new("a", 8, 1) }),
            "policies[0].burst"
        );
    }
}
