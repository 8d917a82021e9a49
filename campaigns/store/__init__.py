"""All SQL, one module per noun, each statement a function named as the sentence it carries out."""
