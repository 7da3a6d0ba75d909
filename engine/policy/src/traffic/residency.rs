//! Data residency: which endpoints a request's data may reach.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::config::ConfigError;

/// A residency tag such as `eu` or `hipaa`: 1 to 63 of `a-z`, `0-9`, `-` and `.`, beginning and ending with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let legal = (1..=63).contains(&text.len())
            && text.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
            && text.bytes().next().is_some_and(plain)
            && text.bytes().last().is_some_and(plain);
        if legal {
            return Ok(Self(text.to_owned()));
        }
        Err(ConfigError::new(
            "tag",
            format!("{text:?}"),
            "1 to 63 of a-z, 0-9, - and . between letters or digits",
        ))
    }
}

impl TryFrom<String> for Tag {
    type Error = ConfigError;
    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where the data of one request may go. Whoever cannot tell says [`Self::Unknown`], and nothing is picked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Residency {
    /// What is required is not known: no endpoint is allowed.
    #[default]
    Unknown,
    /// Nothing is required, and somebody who may say so did.
    Unrestricted,
    /// The endpoint carries every one of these tags.
    Requires(BTreeSet<Tag>),
}

impl Residency {
    /// What a comma-separated list of tags requires (`eu, gdpr`). A list with an illegal tag, or with none,
    /// gives [`Self::Unknown`].
    pub fn from_header(text: &str) -> Self {
        text.split(',')
            .map(|part| part.trim_matches([' ', '\t']).parse())
            .collect::<Result<BTreeSet<Tag>, _>>()
            .map_or(Self::Unknown, Self::Requires)
    }

    /// What holds where both hold (a route's requirement and a key's, say).
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Unrestricted, one) | (one, Self::Unrestricted) => one,
            (Self::Requires(mut tags), Self::Requires(more)) => {
                tags.extend(more);
                Self::Requires(tags)
            }
        }
    }

    /// Whether an endpoint with these tags may see the data.
    pub fn allows(&self, tags: &BTreeSet<Tag>) -> bool {
        match self {
            Self::Unknown => false,
            Self::Unrestricted => true,
            Self::Requires(required) => required.is_subset(tags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(list: &[&str]) -> BTreeSet<Tag> {
        list.iter().map(|tag| tag.parse().unwrap()).collect()
    }

    #[test]
    fn every_required_tag_must_be_there_and_doubt_denies() {
        let both = Residency::from_header("eu, gdpr");
        assert!(both.allows(&tags(&["eu", "gdpr", "gpu"])));
        assert!(!both.allows(&tags(&["eu"])));
        assert!(Residency::Unrestricted.allows(&tags(&[])));
        for doubtful in ["", "eu,", "EU", "eu gdpr", "-eu", "a\n"] {
            assert_eq!(Residency::from_header(doubtful), Residency::Unknown, "{doubtful:?}");
        }
        assert!(!Residency::default().allows(&tags(&["eu"])));
    }

    #[test]
    fn requirements_add_up() {
        let eu = || Residency::Requires(tags(&["eu"]));
        assert_eq!(
            eu().and(Residency::Requires(tags(&["gdpr"]))),
            Residency::Requires(tags(&["eu", "gdpr"]))
        );
        assert_eq!(eu().and(Residency::Unrestricted), eu());
        assert_eq!(Residency::Unrestricted.and(Residency::Unknown), Residency::Unknown);
    }
}
