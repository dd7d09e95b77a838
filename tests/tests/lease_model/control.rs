//! One controller at work. What it decides is the product's; the order of its calls is that of `drive` and `Recorder`.

use libvirt_hpc_control::in_force::{Found, InForce};
use libvirt_hpc_control::target::Target;
use libvirt_hpc_plugin::migration::lease::LeaseRecord;

use super::world::{Who, Word, World};

/// How many targets a law has in all: the second one has both limits.
const TARGETS: u8 = 2;

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    Polls,
    SetsSpeed(Target, Then),
    SetsDowntime(Target, Then),
    /// What was set is written into the lease.
    Notes(Target, Then),
    /// It leaves: its process ends.
    Leaves,
    /// Control has ended, the process has not.
    Released,
}

/// What comes after a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    Polls,
    Leaves,
    Released,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Control {
    pub(crate) doing: Doing,
    /// What it has written, or would have.
    pub(crate) word: Word,
    in_force: InForce,
    /// By which its limits are told from those of others.
    mark: u8,
    targets: u8,
}

impl Control {
    /// Begins under `record`, which is written.
    pub(crate) fn begin(
        world: &mut World,
        mark: u8,
        record: &LeaseRecord,
        in_force: InForce,
    ) -> Self {
        let word = Word::of(record);
        world.write(word.by, record);
        let mut control = Self {
            doing: Doing::Polls,
            word,
            in_force,
            mark,
            targets: 0,
        };
        if word.is_released {
            // Its predecessor may have died before it had put its limits back.
            control.end(Then::Released, world);
        }
        control
    }

    /// Whether it sets limits of its own.
    pub(crate) fn acts(&self) -> bool {
        self.doing != Doing::Released && !self.word.is_released
    }

    /// Whether an external change may not come now: the controller has not read the limits yet, so that what it finds is what was
    /// there before, or it has, and has not yet set what it decided.
    pub(crate) fn excludes_external_change(&self) -> bool {
        let sets = matches!(self.doing, Doing::SetsSpeed(..) | Doing::SetsDowntime(..));
        sets || self.in_force == InForce::default()
    }

    /// Whether it has read the speed limit, and will again.
    pub(crate) fn knows_the_speed(&self) -> bool {
        let leaves = matches!(self.doing, Doing::Leaves | Doing::Notes(_, Then::Leaves));
        self.in_force.speed_mib_per_s().is_some() && !leaves
    }

    /// Whether it begins under a lease: then the agent stands by.
    pub(crate) fn has_lease(&self) -> bool {
        self.word.identity.began_wall_ms.is_none()
    }

    /// Whether it has set a limit.
    pub(crate) fn has_set(&self) -> bool {
        self.targets > 0
    }

    fn write(&mut self, world: &mut World, record: &LeaseRecord) {
        self.word = Word::of(record);
        world.write(self.word.by, record);
    }

    /// Its next step; the name of it.
    pub(crate) fn step(&mut self, world: &mut World) -> &'static str {
        let (names, who) = (names(self.word.by), self.word.by);
        match self.doing {
            Doing::Polls => {
                world.is_read = true;
                self.poll(world);
                names[0]
            }
            Doing::SetsSpeed(target, then) => {
                world.set(&Target {
                    downtime_ms: None,
                    ..target
                });
                self.doing = Doing::SetsDowntime(target, then);
                names[1]
            }
            Doing::SetsDowntime(target, then) => {
                world.set(&Target {
                    speed_mib_per_s: None,
                    ..target
                });
                self.doing = Doing::Notes(target, then);
                names[2]
            }
            Doing::Notes(target, then) => {
                self.note(world, target, then);
                names[3]
            }
            Doing::Leaves => {
                world.dies(who);
                names[4]
            }
            Doing::Released => names[0],
        }
    }

    fn poll(&mut self, world: &mut World) {
        match self.in_force.find(world.held, false) {
            Found::AsSet if self.targets < TARGETS => {
                let target = self.target();
                self.targets += 1;
                let mut record = self.word.record();
                record.intend(&target);
                self.write(world, &record);
                self.set(target, Then::Polls);
            }
            Found::AsSet => {}
            Found::Insist(_) => unreachable!("nobody insists here"),
            Found::Yield(back) => {
                let mut record = self.word.record();
                record.release("an external change of its limits");
                self.write(world, &record);
                self.set(back, Then::Released);
            }
        }
    }

    fn target(&self) -> Target {
        let limit = u32::from(self.mark * 10 + self.targets);
        Target {
            downtime_ms: Some(limit),
            speed_mib_per_s: (self.targets > 0).then_some(limit.into()),
            ..Target::NONE
        }
    }

    fn set(&mut self, target: Target, then: Then) {
        self.doing = if target == Target::NONE {
            then.into()
        } else {
            Doing::SetsSpeed(target, then)
        };
    }

    fn note(&mut self, world: &mut World, target: Target, then: Then) {
        let mut record = self.word.record();
        record.apply(&target);
        self.write(world, &record);
        self.in_force.set(&target);
        self.doing = then.into();
        if then == Then::Released && record.released.is_none() {
            record.release("hpc-release was asked for");
            self.write(world, &record);
            world.is_released = true;
        }
    }

    /// It puts back what is still as its controllers have set it, and ends control.
    pub(crate) fn end(&mut self, then: Then, world: &World) {
        let back = self.word.set.back(world.held, self.word.before);
        self.doing = Doing::SetsSpeed(back, then);
    }
}

impl From<Then> for Doing {
    fn from(then: Then) -> Self {
        match then {
            Then::Polls => Self::Polls,
            Then::Leaves => Self::Leaves,
            Then::Released => Self::Released,
        }
    }
}

fn names(who: Who) -> [&'static str; 5] {
    match who {
        Who::Session => [
            "the session polls",
            "the session sets the speed limit",
            "the session sets the downtime limit",
            "the session notes what it has set",
            "the session leaves",
        ],
        Who::Agent => [
            "the agent polls",
            "the agent sets the speed limit",
            "the agent sets the downtime limit",
            "the agent notes what it has set",
            "the agent leaves",
        ],
    }
}
