"""MLflow's model flavor of wellfit: models logged, registered, loaded and served by MLflow."""
