//! The plans that an executor keeps, and the bytes that all of them take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plan::Lowered;
use super::state::{Plan, Reserved, State};
use crate::{Error, Limits};

/// Plans kept for different input shapes.
const MAX_PLANS: usize = 4;

/// The plans used last.
#[derive(Debug)]
pub(super) struct Plans {
    /// Most recently used first.
    kept: Mutex<Vec<Arc<Plan>>>,
    limits: Limits,
    /// Bytes that count towards the limits and are not the executor's.
    held: AtomicU64,
    /// Bytes of the memory of runs, under way or not.
    taken: Arc<AtomicU64>,
}

impl Plans {
    /// No plans yet, while `held` bytes of the limits are taken by others.
    pub(super) fn new(limits: Limits, held: u64) -> Self {
        Self { kept: Mutex::default(), limits, held: AtomicU64::new(held), taken: Arc::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Arc<Plan>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan used last.
    pub(super) fn last(&self) -> Option<Arc<Plan>> {
        self.kept().first().cloned()
    }

    /// The plan that fits, which then counts as the one used last.
    pub(super) fn find(&self, fits: impl Fn(&Plan) -> bool) -> Option<Arc<Plan>> {
        let mut kept = self.kept();
        let index = kept.iter().position(|plan| fits(plan))?;
        kept[..=index].rotate_right(1);
        kept.first().cloned()
    }

    /// Drops plans that were not used for long, so that there is room for another.
    pub(super) fn make_room(&self) {
        self.kept().truncate(MAX_PLANS - 1);
    }

    /// Keeps the plan `lowered`, with memory for a run. Plans that leave it too little memory are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if it exceeds the limits even alone. Nothing is allocated then.
    pub(super) fn add(&self, lowered: Lowered) -> Result<Arc<Plan>, Error> {
        let plan = Arc::new(Plan::new(lowered));
        let mut kept = self.kept();
        let reserved = self.reserve(&mut kept, &plan, plan.lowered.bytes(), plan.places.bytes())?;
        plan.idle.put(plan.state(reserved));
        kept.insert(0, Arc::clone(&plan));
        Ok(plan)
    }

    /// Memory for a run of `plan`: that of a run that has ended, or more. Plans that leave it too little memory are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the limits do not allow another run at the same time.
    pub(super) fn state(&self, plan: &Arc<Plan>) -> Result<State, Error> {
        if let Some(state) = plan.idle.take() {
            return Ok(state);
        }
        let own = plan.places.bytes().saturating_add(plan.lowered.run_bytes());
        let reserved = self.reserve(&mut self.kept(), plan, plan.lowered.bytes(), own)?;
        Ok(plan.state(reserved))
    }

    /// Takes `own` bytes beside `fixed` ones that are not part of the sum.
    fn reserve(
        &self,
        kept: &mut Vec<Arc<Plan>>,
        plan: &Arc<Plan>,
        fixed: u64,
        own: u64,
    ) -> Result<Reserved, Error> {
        loop {
            let parts = [self.held.load(Ordering::Relaxed), self.memory_bytes(), fixed, own];
            let needs = parts.into_iter().fold(0, u64::saturating_add);
            let what = || "the model, with its constants and the values between its nodes,".to_owned();
            let Err(error) = self.limits.check_bytes(needs, what) else {
                return Ok(Reserved::new(&self.taken, own));
            };
            match kept.iter().rposition(|other| !Arc::ptr_eq(other, plan)) {
                Some(index) => drop(kept.remove(index)),
                None => return Err(error),
            }
        }
    }

    /// Bytes of the memory of runs, under way or not.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Bytes of the largest plan beside the memory of runs.
    pub(super) fn plan_bytes(&self) -> u64 {
        self.kept().iter().map(|plan| plan.lowered.bytes()).max().unwrap_or(0)
    }

    /// Changes the number of bytes that others take.
    pub(super) fn hold(&self, held: u64) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// The number of bytes that others take.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}
