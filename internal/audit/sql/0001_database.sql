-- creating database {db}
CREATE DATABASE IF NOT EXISTS {db}{on_cluster}
