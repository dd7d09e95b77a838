//! What users ask of the agent: `hpc-status`, `hpc-release`, `hpc-adopt`.

use std::sync::mpsc::SyncSender;

use libvirt_hpc_libvirt::event::DomainId;

use super::Supervisor;
use super::status;
use crate::agent::api::{Control, Reply, Request};
use crate::agent::domains::active::Job;
use crate::agent::domains::adopted;
use crate::migration::handover::release::ReleaseCause;

impl Supervisor {
    /// Answers one request, without waiting for libvirt.
    pub(crate) fn answer(&mut self, request: &Request, reply: &SyncSender<Reply>) {
        let answer = match request {
            Request::Status { domain } => status::of(self, domain.as_deref()),
            Request::Release { domain } => self.release(domain),
            Request::Adopt { domain } => self.adopt(domain),
            Request::Tell { notification } => {
                self.followers.publish(notification);
                Reply::Done {
                    message: "told".to_owned(),
                }
            }
            // Its connection stays, and is no business of the main loop's.
            Request::Follow { .. } => refused(&"following is not for the main loop"),
        };
        // Whoever asked may have gone.
        drop(reply.try_send(answer));
    }

    fn release(&mut self, name: &str) -> Reply {
        let found = self.roster.find(name).map(|seen| seen.id.clone());
        let migration = self
            .migrations
            .values()
            .find(|i| i.id.name == name || i.id.uuid == name);
        let id = match (migration, found) {
            (Some(migration), _) => migration.id.clone(),
            (None, Ok(id)) => id,
            // Adopted, and off now: then its UUID alone is known.
            (None, Err(_)) if self.roster.is_adopted(name) => DomainId {
                name: name.to_owned(),
                uuid: name.to_owned(),
            },
            (None, Err(unknown)) => return refused(&unknown),
        };
        let disowned = self.roster.disown(&id.uuid);
        self.save_adopted();
        self.tell_interest();
        let name = &id.name;
        let message = match (self.migrations.get(&id.uuid), disowned) {
            (Some(migration), _) => {
                migration.handle.release(ReleaseCause::Asked);
                released(name, &migration.handle.status().control)
            }
            (None, true) => format!("{name}: no longer adopted"),
            (None, false) => {
                return Reply::Refused {
                    message: format!(
                        "{name} is not being migrated and was not adopted: nothing to release"
                    ),
                };
            }
        };
        Reply::Done { message }
    }

    fn adopt(&mut self, name: &str) -> Reply {
        let seen = match self.roster.find(name) {
            Ok(seen) => seen.clone(),
            Err(unknown) => return refused(&unknown),
        };
        let name = &seen.id.name;
        let news = self.roster.adopt(&seen.id.uuid);
        self.save_adopted();
        self.tell_interest();
        self.watch.poll();
        let message = if self.migrations.contains_key(&seen.id.uuid) {
            format!("{name}: adopted; its migration under way stays with its present controller")
        } else if news {
            format!("{name}: adopted, until virsh-hpc hpc-release {name} or the host's restart")
        } else {
            format!("{name}: was adopted already")
        };
        if seen.job == Job::MigrationOut {
            self.consider(&seen.id, false);
        }
        Reply::Done { message }
    }

    fn save_adopted(&self) {
        if let Err(error) = adopted::write(self.roster.adopted()) {
            log::warn!("a restart will forget adopted domains: {error}");
        }
    }
}

/// What a release means for a migration under way.
fn released(name: &str, control: &Control) -> String {
    match control {
        Control::Looking | Control::Steering => {
            format!("{name}: its migration goes on under the limits from before")
        }
        Control::Observing => format!("{name}: its migration was only observed, and is no longer"),
        Control::Other(who) => {
            format!("{name}: {who} controls its migration, and the agent will not take it over")
        }
        Control::Released(why) => {
            format!("{name}: control of its migration has already ended ({why})")
        }
    }
}

fn refused(reason: &dyn std::fmt::Display) -> Reply {
    Reply::Refused {
        message: reason.to_string(),
    }
}
