//! Tries aids to accuracy, and keeps those that make the answers of the executed eight-bit graph more accurate.

use std::collections::BTreeMap;

use super::aids::{bias, equalize, rounding, shift};
use super::judge::Judge;
use super::layer::Layer;
use super::pipeline::{named, to_eight_bits};
use super::{
    AidReport, Calibration, CalibrationMethod, Calibrator, ChannelAxis, ChannelStatistics, Dataset, Plan, Progress, QuantizeOptions, Roles,
};
use crate::limits::constants_of;
use crate::{Error, Graph};

/// A float graph whose values were observed.
pub(super) struct Observation {
    pub(super) graph: Graph,
    pub(super) calibrator: Calibrator,
}

impl Observation {
    /// Runs `graph` on the examples of these numbers. `held` bytes are taken, the graph's constants among them.
    pub(super) fn of<D: Dataset + ?Sized>(
        graph: Graph,
        roles: &Roles,
        channels: &BTreeMap<String, ChannelAxis>,
        (dataset, numbers): (&D, &[usize]),
        held: u64,
        options: &QuantizeOptions,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, D::Error> {
        let mut calibrator = Calibrator::beside(&graph, roles, channels, held, &options.limits)?;
        for &number in numbers {
            let example = dataset.example(number)?;
            if calibrator.inputs() == 0 {
                calibrator.hold(held.saturating_add(super::pipeline::bytes_of_example(&example)))?;
            }
            calibrator.observe(&named(&graph, &example)?)?;
            progress(Progress::Observed(calibrator.inputs()));
        }
        Ok(Self { graph, calibrator })
    }
}

/// The values whose channels the aids need.
pub(super) fn wanted_channels(graph: &Graph, roles: &Roles, options: &QuantizeOptions) -> Result<BTreeMap<String, ChannelAxis>, Error> {
    if options.effort == 0 {
        return Ok(BTreeMap::new());
    }
    let mut wanted = equalize::wanted(graph)?;
    for layer in Layer::all(graph, roles)? {
        wanted.entry(layer.input.to_owned()).or_insert(layer.channels);
    }
    Ok(wanted)
}

/// Which aids make a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Recipe {
    method: CalibrationMethod,
    equalize: bool,
    bias: bool,
    round: bool,
    shift: bool,
}

/// What was decided.
pub(super) struct Tuned {
    pub(super) graph: Graph,
    pub(super) plan: Plan,
    pub(super) calibration: Calibration,
    pub(super) aids: Vec<AidReport>,
}

/// The search for the best recipe.
struct Search<'a, D: ?Sized> {
    plain: Observation,
    equalized: Option<Observation>,
    roles: Roles,
    judge: Judge,
    dataset: &'a D,
    calibrating: &'a [usize],
    options: &'a QuantizeOptions,
    best: Recipe,
    /// With the best recipe.
    error: f64,
    aids: Vec<AidReport>,
}

impl<D: Dataset + ?Sized> Search<'_, D> {
    fn observation(&self, recipe: Recipe) -> &Observation {
        self.equalized.as_ref().filter(|_| recipe.equalize).unwrap_or(&self.plain)
    }

    fn make(&self, recipe: Recipe) -> Result<(Plan, Calibration), D::Error> {
        let Observation { graph, calibrator } = self.observation(recipe);
        let calibration = calibrator.calibration(recipe.method)?;
        let mut plan = Plan::of_roles(graph, self.roles.clone(), &calibration)?.with_weights(self.options.weights);
        if recipe.round {
            let rounded = rounding::rounded(graph, &plan, (self.dataset, self.calibrating), &self.options.limits)?;
            for (node, weights) in rounded {
                plan = plan.with_choice(&node, super::NodeChoice { weights: Some(weights), ..Default::default() })?;
            }
        }
        if recipe.bias {
            let means = calibrator.channels().into_iter().map(|(value, of)| (value, of.means())).collect();
            let shifts = if recipe.shift { shift::shifts(graph, &plan, (self.dataset, self.calibrating), &self.options.limits)? } else { BTreeMap::new() };
            plan = bias::corrected(graph, plan, &means, &shifts)?;
        }
        Ok((plan, calibration))
    }

    fn error(&self, recipe: Recipe) -> Result<f64, D::Error> {
        let (plan, _) = self.make(recipe)?;
        let (eight_bit, _) = to_eight_bits(self.observation(recipe).graph.clone(), &plan, |_| {})?;
        self.judge.error(&eight_bit, self.dataset)
    }

    /// Tries a recipe, and keeps it if its error is less.
    fn attempt(&mut self, name: &str, recipe: Recipe) -> Result<(), D::Error> {
        let error = self.error(recipe)?;
        let kept = error < self.error;
        eprintln!("{name} {:?}: {:.3} -> {:.3} dB", recipe, -10.0 * self.error.log10(), -10.0 * error.log10());
        self.aids.push(AidReport { name: name.to_owned(), kept, error_before: self.error, error_after: error });
        if kept {
            (self.best, self.error) = (recipe, error);
        }
        Ok(())
    }
}

/// Decides what to quantize with.
pub(super) fn tune<D: Dataset + ?Sized>(
    plain: Observation,
    roles: Roles,
    dataset: &D,
    (calibrating, judging): (&[usize], &[usize]),
    options: &QuantizeOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Tuned, D::Error> {
    let judge = Judge::new(&plain.graph, dataset, judging, &options.limits)?;
    let best = Recipe { method: options.method, equalize: false, bias: false, round: false, shift: false };
    let mut search = Search { plain, equalized: None, roles, judge, dataset, calibrating, options, best, error: 0.0, aids: Vec::new() };
    search.error = search.error(best)?;
    progress(Progress::Aid("bias correction"));
    search.attempt("bias correction", Recipe { bias: true, ..best })?;
    {
        let (plan, _) = search.make(best)?;
        let statistics: BTreeMap<&str, &ChannelStatistics> = search.plain.calibrator.channels();
        if let Some(copied) = super::aids::copies::copied(&search.plain.graph, &plan, &statistics)? {
            eprintln!("exp copied {:?}", copied.layers);
            eprintln!("exp copied float {:.2}", -10.0 * search.judge.error(&copied.graph, dataset)?.log10());
            let channels = wanted_channels(&copied.graph, &search.roles, options)?;
            let held = constants_of([&search.plain.graph, &copied.graph]);
            let observed = Observation::of(copied.graph, &search.roles, &channels, (dataset, calibrating), held, options, |_| {})?;
            let old = std::mem::replace(&mut search.plain, observed);
            let before = search.error;
            let with = search.error(search.best)?;
            eprintln!("exp copies {:.2} -> {:.2}", -10.0 * before.log10(), -10.0 * with.log10());
            if with < before { search.error = with; } else { search.plain = old; }
        } else { eprintln!("exp no copies"); }
    }
    let statistics: BTreeMap<&str, &ChannelStatistics> = search.plain.calibrator.channels();
    if let Some(equalized) = equalize::equalized(&search.plain.graph, &search.roles, &statistics)? {
        for (value, gain) in &equalized.gains { eprintln!("  {value} {gain:.3}"); }
        progress(Progress::Aid("cross-layer equalization"));
        let channels = wanted_channels(&equalized.graph, &search.roles, options)?;
        let held = constants_of([&search.plain.graph, &equalized.graph]);
        let numbers = (dataset, calibrating);
        let observed = Observation::of(equalized.graph, &search.roles, &channels, numbers, held, options, |_| {})?;
        search.equalized = Some(observed);
        search.attempt("cross-layer equalization", Recipe { equalize: true, ..search.best })?;
    }
    if std::env::var("EXP").is_ok() {
        let db = |x: f64| -10.0 * x.log10();
        if let Some(e) = &search.equalized { eprintln!("exp equalized float {:.2}", db(search.judge.error(&e.graph, dataset)?)); }
        for equalize in [false, true] {
        for method in [CalibrationMethod::MinMax, CalibrationMethod::Percentile(99.99)] {
            let recipe = Recipe { method, equalize, ..search.best };
            let (plan, _) = search.make(Recipe { bias: false, ..recipe })?;
            let g = crate::passes::quantize_nodes(search.observation(recipe).graph.clone(), &plan)?;
            eprintln!("exp activations only {method:?} {equalize} {:.2}", db(search.judge.error(&g, dataset)?));
        } }
    }
    if std::env::var("SENS").is_ok() {
        let recipe = Recipe { method: CalibrationMethod::Percentile(99.99), equalize: false, bias: false, round: false, shift: false };
        let (plan, cal) = search.make(recipe)?;
        let mut all: Vec<(f64, String)> = Vec::new();
        for root in plan.roles().observed() {
            let p = plan.clone().only(root);
            let g = crate::passes::quantize_nodes(search.observation(recipe).graph.clone(), &p)?;
            all.push((search.judge.error(&g, dataset)?, format!("{root} {:?}", cal.ranges[root])));
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = all.iter().map(|x| x.0).sum();
        eprintln!("exp total {:.2}", -10.0 * total.log10());
        for (e, n) in &all { eprintln!("exp sens {:.3} {:.2} {n}", e / total, -10.0 * e.log10()); }
    }
    for exp in std::env::var("EXP").unwrap_or_default().split(',').filter(|s| !s.is_empty()) {
        let p: Vec<&str> = exp.split(':').collect();
        let method = match p[0].parse::<f64>() { Ok(x) => CalibrationMethod::Percentile(x), _ => CalibrationMethod::MinMax };
        let t = std::time::Instant::now();
        search.attempt("exp", Recipe { method, equalize: p[1] == "e", bias: p[2] != "n", shift: p[2] == "s", round: p[3] == "r" })?;
        eprintln!("{:?}", t.elapsed());
    }
    let (plan, calibration) = search.make(search.best)?;
    let graph = search.observation(search.best).graph.clone();
    Ok(Tuned { graph, plan, calibration, aids: search.aids })
}
