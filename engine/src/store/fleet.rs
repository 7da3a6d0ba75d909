//! The fleet in the store: what a person set up, what was rolled out and drilled, and what happened.

use orrery_domain::{
    Failure,
    fleet::{Drill, FleetEndpoint, FleetEvent, Region, Rollout},
};
use rusqlite::params;
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, decode, encode};

/// Events kept.
const EVENTS: i64 = 5_000;

/// What the store keeps of the fleet. Each has an id of its own within its kind.
trait Kept: Serialize + DeserializeOwned {
    const KIND: &'static str;
    fn id(&self) -> &str;
}

impl Kept for Region {
    const KIND: &'static str = "region";
    fn id(&self) -> &str {
        &self.name
    }
}

impl Kept for FleetEndpoint {
    const KIND: &'static str = "endpoint";
    fn id(&self) -> &str {
        &self.name
    }
}

impl Kept for Rollout {
    const KIND: &'static str = "rollout";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Kept for Drill {
    const KIND: &'static str = "drill";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Store {
    fn put_fleet<T: Kept>(&mut self, record: &T) -> Result<(), Failure> {
        self.write(|writing, revision| {
            writing.execute(
                "INSERT INTO fleet (kind, id, json, revision) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (kind, id) DO UPDATE SET json = ?3, revision = ?4",
                params![T::KIND, record.id(), encode(record)?, revision],
            )?;
            Ok(())
        })
    }

    fn remove_fleet(&mut self, kind: &str, id: &str) -> Result<bool, Failure> {
        self.write(|writing, _| {
            Ok(writing.execute("DELETE FROM fleet WHERE kind = ?1 AND id = ?2", [kind, id])? > 0)
        })
    }

    fn all_fleet<T: Kept>(&self) -> Result<Vec<T>, Failure> {
        let rows: Vec<String> = self.read(|connection| {
            let mut all = connection.prepare("SELECT json FROM fleet WHERE kind = ?1 ORDER BY id")?;
            let rows = all.query_map([T::KIND], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(rows.iter().filter_map(|json| decode(json)).collect())
    }

    /// The regions, by priority and name: the four defaults where none was ever set up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn regions(&self) -> Result<Vec<Region>, Failure> {
        let mut regions = self.all_fleet::<Region>()?;
        if regions.is_empty() {
            regions = Region::defaults();
        }
        regions.sort_by(|one, other| (one.priority, &one.name).cmp(&(other.priority, &other.name)));
        Ok(regions)
    }

    /// Adds or changes a region. The defaults are written with the first one, so that they are kept.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_region(&mut self, region: &Region) -> Result<(), Failure> {
        for known in self.regions()? {
            if known.name != region.name {
                self.put_fleet(&known)?;
            }
        }
        self.put_fleet(region)
    }

    /// Removes a region; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_region(&mut self, name: &str) -> Result<bool, Failure> {
        for known in self.regions()? {
            self.put_fleet(&known)?;
        }
        self.remove_fleet(Region::KIND, name)
    }

    /// The endpoints, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn endpoints(&self) -> Result<Vec<FleetEndpoint>, Failure> {
        self.all_fleet()
    }

    /// Adds or changes an endpoint.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_endpoint(&mut self, endpoint: &FleetEndpoint) -> Result<(), Failure> {
        self.put_fleet(endpoint)
    }

    /// Removes an endpoint; whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remove_endpoint(&mut self, name: &str) -> Result<bool, Failure> {
        self.remove_fleet(FleetEndpoint::KIND, name)
    }

    /// The rollouts, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rollouts(&self) -> Result<Vec<Rollout>, Failure> {
        let mut all = self.all_fleet::<Rollout>()?;
        all.sort_by(|one, other| other.started_at.total_cmp(&one.started_at));
        Ok(all)
    }

    /// The rollouts that were written after `revision` (0: all), the oldest first, and the last revision of any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rollouts_after(&self, revision: i64) -> Result<(Vec<Rollout>, i64), Failure> {
        let rows: Vec<(String, i64)> = self.read(|connection| {
            let mut after =
                connection.prepare("SELECT json, revision FROM fleet WHERE kind = ?1 AND revision > ?2")?;
            let rows =
                after.query_map(params![Rollout::KIND, revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let last = rows.iter().map(|(_, revision)| *revision).fold(revision, i64::max);
        let mut rollouts: Vec<Rollout> = rows.iter().filter_map(|(json, _)| decode(json)).collect();
        rollouts.sort_by(|one, other| one.started_at.total_cmp(&other.started_at));
        Ok((rollouts, last))
    }

    /// Keeps a rollout with its record.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_rollout(&mut self, rollout: &Rollout) -> Result<(), Failure> {
        self.put_fleet(rollout)
    }

    /// The drills, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drills(&self) -> Result<Vec<Drill>, Failure> {
        let mut all = self.all_fleet::<Drill>()?;
        all.sort_by(|one, other| other.started_at.total_cmp(&one.started_at));
        Ok(all)
    }

    /// Keeps a drill with its report.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_drill(&mut self, drill: &Drill) -> Result<(), Failure> {
        self.put_fleet(drill)
    }

    /// The last `count` events, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn fleet_events(&self, count: usize) -> Result<Vec<FleetEvent>, Failure> {
        let rows: Vec<String> = self.read(|connection| {
            let mut last =
                connection.prepare("SELECT json FROM fleet_events ORDER BY at DESC, rowid DESC LIMIT ?1")?;
            let rows = last.query_map([count as i64], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(rows.iter().filter_map(|json| decode(json)).collect())
    }

    /// Adds events; the oldest beyond 5,000 go.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn add_fleet_events(&mut self, events: &[FleetEvent]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        self.write(|writing, _| {
            for event in events {
                writing.execute(
                    "INSERT INTO fleet_events (at, json) VALUES (?1, ?2)",
                    params![event.at, encode(event)?],
                )?;
            }
            writing.execute(
                "DELETE FROM fleet_events WHERE rowid <= (SELECT max(rowid) FROM fleet_events) - ?1",
                [EVENTS],
            )?;
            Ok(())
        })
    }
}
