use async_trait::async_trait;

/// How the engines behind the ports are, for `/readyz` and for whoever asks it.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    async fn condition(&self) -> Condition;
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
