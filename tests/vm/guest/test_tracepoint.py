# SPDX-License-Identifier: GPL-2.0-or-later
"""Events by the tracepoint layer."""

from layers import Layer

layer = Layer("tracepoint")
layer.take(globals())
