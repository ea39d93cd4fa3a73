"""What a user would pick instead of this product, one method a module."""
