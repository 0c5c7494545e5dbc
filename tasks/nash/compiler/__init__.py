"""Program to constraint system."""
