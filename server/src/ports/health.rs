/// How the engines behind the ports are, for `/readyz` and for whoever asks it.
pub trait Health: Send + Sync + 'static {
    /// As it was last seen, at once: balancers take a node that does not answer for one that
    /// is gone, and an engine that is away lets nobody answer.
    fn condition(&self) -> Condition;
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The engines, with the settings that say what an answered position survives.
    pub engines: String,
    /// Why positions cannot be made safe or shown now: no request should be sent here.
    pub trouble: Option<String>,
    /// What does not work meanwhile, though positions are safe.
    pub degraded: Vec<String>,
}
