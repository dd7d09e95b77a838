//! A poll of the domains of this host: which are active, which are marked, and which of those migrate.
//!
//! libvirt answers about a domain's job when the domain has none that excludes it: a start or an end keeps a question for
//! half a minute. So no unmarked domain is asked, for events tell of those that come to be; and what is not answered is
//! left out of this poll. No domain is asked that another call keeps, and those that were late are asked last: where the
//! storage of some guests hangs, the others' migrations are found as ever.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libvirt_hpc_libvirt::event::DomainId;
use libvirt_hpc_libvirt::features::Features;
use libvirt_hpc_libvirt::{Connection, Domain, Error};

use super::questions::{Questions, Session};
use crate::agent::domains::active::{ActiveDomain, Job, Mark};
use crate::agent::process::config::Config;
use crate::clock::{self, Moment};
use crate::migration::{lease, owner};

/// How long what a domain's XML says is believed; a change is announced by an event, where libvirt has it.
const MARK_VALID: Duration = Duration::from_secs(60);

/// What else than domains, which have UUIDs, questions are about.
const ALL: &str = "all domains";
const LIBVIRT: &str = "libvirt";
const FEATURES: &str = "features";

/// Which domains are asked about their jobs beside those that are marked.
#[derive(Clone, Debug, Default)]
pub(super) struct Interest {
    /// The site's rules.
    pub(super) config: Arc<Config>,
    /// Adopted, by UUID.
    pub(super) adopted: BTreeSet<String>,
    /// Those whose migration a thread has, by UUID: it knows better, and a libvirt that waits for its QEMU would keep the
    /// poll waiting.
    pub(super) taken: HashSet<String>,
}

impl Interest {
    /// Whether a domain's job is to be asked for. One that has left a lease has had a controller: whether the lease is
    /// still needed, its job tells.
    fn wants(&self, id: &DomainId, mark: &Mark, leases: &Path) -> bool {
        let wanted = matches!(mark, Mark::Own { .. })
            || self.adopted.contains(&id.uuid)
            || self.config.marks(&id.name)
            || lease::exists(leases, &id.uuid);
        wanted && !self.taken.contains(&id.uuid)
    }
}

/// What is asked of libvirt.
pub(super) trait Source: Session<Answer = Answer> {
    /// A domain that was found.
    type Domain;

    fn active(&self) -> Result<Vec<DomainId>, Error>;

    /// What the XML of the domain with `uuid` says.
    fn mark(&self, uuid: &str) -> Result<Mark, Error>;

    /// The domain with `uuid`.
    fn find(&self, uuid: &str) -> Result<Self::Domain, Error>;

    /// Whether another call has it, and no migration: a question about its job would wait for that call.
    fn is_occupied(domain: &Self::Domain) -> bool;

    /// What it does.
    fn job(domain: &Self::Domain) -> Result<Job, Error>;

    /// Nothing, but an answer.
    fn ping(&self) -> Result<(), Error>;

    /// What libvirt and QEMU are, for which libvirt may have to start one.
    fn features(&self) -> Result<Features, Error>;
}

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    Active(Vec<DomainId>),
    Mark(Mark),
    /// What the domain does, and when it was asked.
    Job(Job, Moment),
    Pong,
    Features(Features),
}

/// What a poll has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Polled {
    All(Vec<ActiveDomain>),
    /// Those of an earlier poll, for libvirt is there but has not said which are active.
    Some(Vec<ActiveDomain>),
    /// libvirt says nothing at all.
    Nothing,
}

pub(super) struct Poll<S: Source> {
    questions: Questions<S>,
    domains: Vec<DomainId>,
    marks: HashMap<String, (Mark, Instant)>,
    /// When each was last seen not to migrate, by UUID.
    idle: HashMap<String, Moment>,
    /// Those whose last question about their job was not answered in time, by UUID, and in which turn they were asked it.
    late: HashMap<String, u64>,
    turn: u64,
}

impl<S: Source> Poll<S> {
    pub(super) fn new(questions: Questions<S>) -> Self {
        Self {
            questions,
            domains: Vec::new(),
            marks: HashMap::new(),
            idle: HashMap::new(),
            late: HashMap::new(),
            turn: 0,
        }
    }

    /// libvirt is another.
    pub(super) fn begin_anew(&mut self) {
        self.questions.forget();
        self.marks.clear();
        self.late.clear();
    }

    /// What the domain's XML says may have changed.
    pub(super) fn forget(&mut self, uuid: &str) {
        self.marks.remove(uuid);
    }

    /// What libvirt and QEMU are, if it is known by now.
    pub(super) fn features(&mut self) -> Option<Result<Features, Error>> {
        let asked = |source: &S| source.features().map(Answer::Features);
        match self.questions.ask_libvirt(FEATURES, asked)? {
            Ok(Answer::Features(features)) => Some(Ok(features)),
            Err(error) => Some(Err(error)),
            Ok(_) => None,
        }
    }

    /// Polls once.
    ///
    /// # Errors
    /// libvirt's, if it cannot be reached.
    pub(super) fn run(&mut self, interest: &Interest, leases: &Path) -> Result<Polled, Error> {
        self.questions.collect();
        let active = |source: &S| source.active().map(Answer::Active);
        let is_complete = match self.questions.ask_libvirt(ALL, active).transpose()? {
            Some(Answer::Active(domains)) => {
                self.domains = domains;
                true
            }
            _ => {
                let ping = |source: &S| source.ping().map(|()| Answer::Pong);
                if self
                    .questions
                    .ask_libvirt(LIBVIRT, ping)
                    .transpose()?
                    .is_none()
                {
                    return Ok(Polled::Nothing);
                }
                false
            }
        };
        let mut domains = self.domains.clone();
        let is_active = |uuid: &String| domains.iter().any(|id| id.uuid == *uuid);
        self.marks.retain(|uuid, _| is_active(uuid));
        self.idle.retain(|uuid, _| is_active(uuid));
        self.late.retain(|uuid, _| is_active(uuid));
        // Of those that were late, whoever has waited longest for another question comes first.
        domains.sort_by_key(|id| self.late.get(&id.uuid).copied().unwrap_or(0));
        let seen = domains
            .into_iter()
            .map(|id| self.ask_about(id, interest, leases));
        let seen = seen.collect();
        Ok(if is_complete {
            Polled::All(seen)
        } else {
            Polled::Some(seen)
        })
    }

    /// Asks about one domain.
    fn ask_about(&mut self, id: DomainId, interest: &Interest, leases: &Path) -> ActiveDomain {
        let mark = self.mark(&id.uuid);
        let job = if interest.wants(&id, &mark, leases) {
            self.job(&id.uuid)
        } else {
            Job::Unknown
        };
        let idle_at = self.idle.get(&id.uuid).copied();
        ActiveDomain {
            id,
            mark,
            job,
            idle_at,
        }
    }

    fn mark(&mut self, uuid: &str) -> Mark {
        let now = clock::now();
        let known = self.marks.get(uuid);
        if let Some((mark, at)) = known
            && now.saturating_duration_since(*at) < MARK_VALID
        {
            return mark.clone();
        }
        let about = format!("{uuid}'s mark");
        let asked = uuid.to_owned();
        let answer = self
            .questions
            .ask(&about, move |source| source.mark(&asked).map(Answer::Mark));
        match answer {
            Some(Ok(Answer::Mark(mark))) => {
                self.marks.insert(uuid.to_owned(), (mark.clone(), now));
                mark
            }
            // What was known is likelier than anything else.
            _ => known.map_or(Mark::Unknown, |(mark, _)| mark.clone()),
        }
    }

    fn job(&mut self, uuid: &str) -> Job {
        let asked = uuid.to_owned();
        let job = move |source: &S| {
            let domain = source.find(&asked)?;
            let asked_at = Moment::now();
            let job = match S::is_occupied(&domain) {
                true => Job::Unknown,
                false => S::job(&domain)?,
            };
            Ok(Answer::Job(job, asked_at))
        };
        let was_open = self.questions.is_late(uuid);
        let answer = match self.late.contains_key(uuid) {
            true => self.questions.ask_late(uuid, job),
            false => self.questions.ask(uuid, job),
        };
        if !was_open {
            self.note(uuid, answer.is_some());
        }
        let Some(Ok(Answer::Job(job, asked_at))) = answer else {
            return Job::Unknown;
        };
        if job == Job::Idle {
            self.idle.insert(uuid.to_owned(), asked_at);
        }
        job
    }

    /// A question has been answered in time, or waits, or there was no place for it.
    fn note(&mut self, uuid: &str, is_answered: bool) {
        if is_answered {
            self.late.remove(uuid);
        } else if self.questions.is_late(uuid) {
            self.turn += 1;
            self.late.insert(uuid.to_owned(), self.turn);
        }
    }
}

impl Session for Connection {
    type Answer = Answer;

    fn is_alive(&self) -> bool {
        self.is_alive()
    }
}

impl Source for Connection {
    type Domain = Domain;

    fn active(&self) -> Result<Vec<DomainId>, Error> {
        let domains = Domain::list_active(self)?;
        let id = |domain: &Domain| DomainId {
            name: domain.name().to_owned(),
            uuid: domain.uuid().to_owned(),
        };
        Ok(domains.iter().map(id).collect())
    }

    fn mark(&self, uuid: &str) -> Result<Mark, Error> {
        let owned = owner::policy(&Domain::lookup_by_uuid(self, uuid)?)?;
        Ok(owned.map_or(Mark::None, |owned| Mark::Own {
            problem: owned.problems.into_iter().next(),
        }))
    }

    fn find(&self, uuid: &str) -> Result<Domain, Error> {
        Domain::lookup_by_uuid(self, uuid)
    }

    fn is_occupied(domain: &Domain) -> bool {
        domain.is_occupied()
    }

    fn job(domain: &Domain) -> Result<Job, Error> {
        let stats = domain.job_stats()?;
        Ok(if stats.is_outgoing_migration() {
            Job::MigrationOut
        } else {
            Job::Idle
        })
    }

    fn ping(&self) -> Result<(), Error> {
        self.ping()
    }

    fn features(&self) -> Result<Features, Error> {
        Features::of(self)
    }
}

#[cfg(test)]
mod tests;
