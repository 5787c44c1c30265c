# SPDX-License-Identifier: GPL-2.0-or-later
"""Events by the trampoline layer."""

from layers import Layer

layer = Layer("trampoline")
layer.take(globals())
